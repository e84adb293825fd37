/**
 * What virtual machines have of each node, kept up to date from view changes, so that no placement
 * has to count. A placement that isn't stored yet is held here as well: two machines never get the
 * same room.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { demandOf } from '../../decide/candidates.js';
import type { Demand } from '../../decide/placement.js';
import type { ViewChange } from '../../reconcile/loop.js';

/** What is used of a node. */
export interface Usage extends Demand {
  readonly vms: number;
}

const nothing: Usage = { vcpus: 0, memoryMib: 0, vms: 0 };

/** The sums, by node. */
export class Allocation {
  readonly #placed = new Map<string, { nodeId: string; demand: Demand }>();
  readonly #usage = new Map<string, Usage>();

  /** What machines have of a node. */
  usedOf(nodeId: string): Usage {
    return this.#usage.get(nodeId) ?? nothing;
  }

  /** Follows a change of the view. */
  changed({ key, resource }: ViewChange): void {
    if (key.type !== 'vm') return;
    if (resource === undefined) {
      this.release(key.id);
      return;
    }
    const vm = resource as VirtualMachine;
    const nodeId = vm.status?.nodeId ?? '';
    if (nodeId !== '' && vm.spec !== undefined) this.hold(key.id, nodeId, demandOf(vm.spec));
  }

  /** Counts a machine in at a node, in place of where it was counted before. */
  hold(vmId: string, nodeId: string, demand: Demand): void {
    this.release(vmId);
    this.#placed.set(vmId, { nodeId, demand });
    this.#add(nodeId, { ...demand, vms: 1 });
  }

  /** Counts a machine out. */
  release(vmId: string): void {
    const placed = this.#placed.get(vmId);
    if (placed === undefined) return;
    this.#placed.delete(vmId);
    const { vcpus, memoryMib } = placed.demand;
    this.#add(placed.nodeId, { vcpus: -vcpus, memoryMib: -memoryMib, vms: -1 });
  }

  #add(nodeId: string, more: Usage): void {
    const used = this.usedOf(nodeId);
    this.#usage.set(nodeId, {
      vcpus: used.vcpus + more.vcpus,
      memoryMib: used.memoryMib + more.memoryMib,
      vms: used.vms + more.vms,
    });
  }
}
