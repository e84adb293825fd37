/**
 * What virtual machines have of the nodes and where they are: sums by node, and who is near whom.
 * Kept by whoever sees machines come and go; knows neither store nor clock.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { demandOf } from './candidates.js';
import { type Selector, selects } from './neighbours.js';
import type { Demand } from './placement.js';
import { wholeSpecOf } from './whole-spec.js';

/** What is used of a node. */
export interface Usage extends Demand {
  readonly vms: number;
}

/** A node that a machine keeps others away from, and how far. */
export interface Repelled {
  readonly nodeId: string;
  /** The node label whose equal values are kept free as well; undefined for the node alone. */
  readonly topologyLabel: string | undefined;
}

interface Placed {
  readonly vm: VirtualMachine;
  readonly nodeId: string;
  readonly demand: Demand;
  /** Whom its required rules keep away. */
  readonly repels: readonly (Selector & { readonly topologyLabel: string | undefined })[];
}

const nothing: Usage = { vcpus: 0, memoryMib: 0, vms: 0 };

/** Machines on nodes. */
export class Occupancy {
  readonly #placed = new Map<string, Placed>();
  readonly #repelling = new Map<string, Placed>();
  readonly #usage = new Map<string, Usage>();
  readonly #reserved = new Map<string, readonly (readonly [nodeId: string, usage: Usage])[]>();

  /** What machines and reservations have of a node. */
  usedOf(nodeId: string): Usage {
    return this.#usage.get(nodeId) ?? nothing;
  }

  /** Counts a machine in at a node, in place of where it was counted before. */
  hold(vm: VirtualMachine, nodeId: string): void {
    this.release(vm.id);
    const spec = wholeSpecOf(vm);
    if (spec === undefined) return;
    const repels = Object.values(spec.placement?.antiAffinity ?? {})
      .filter((rule) => rule.required ?? true)
      .map(({ vmIds, vmLabels, topologyLabel }) => {
        return { projectId: vm.projectId, vmIds, vmLabels, topologyLabel };
      });
    const placed = { vm, nodeId, demand: demandOf(spec), repels };
    this.#placed.set(vm.id, placed);
    if (repels.length > 0) this.#repelling.set(vm.id, placed);
    this.#add(nodeId, { ...placed.demand, vms: 1 });
  }

  /** Counts a machine out. */
  release(vmId: string): void {
    const placed = this.#placed.get(vmId);
    if (placed === undefined) return;
    this.#placed.delete(vmId);
    this.#repelling.delete(vmId);
    this.#add(placed.nodeId, negative({ ...placed.demand, vms: 1 }));
  }

  /** Keeps room on nodes under a name, in place of what was kept under it before. */
  reserve(name: string, room: ReadonlyMap<string, Usage>): void {
    for (const [nodeId, usage] of this.#reserved.get(name) ?? []) {
      this.#add(nodeId, negative(usage));
    }
    this.#reserved.delete(name);
    if (room.size === 0) return;
    this.#reserved.set(name, [...room]);
    for (const [nodeId, usage] of room) this.#add(nodeId, usage);
  }

  /** How many of the machines that a selector means are on each node, but for one machine. */
  countsOf(selector: Selector, exceptVmId: string): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { vm, nodeId } of this.#placed.values()) {
      if (vm.id === exceptVmId || !selects(selector, vm)) continue;
      counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
    }
    return counts;
  }

  /** Where placed machines keep a machine away by required rules of their own. */
  repelled(vm: VirtualMachine): readonly Repelled[] {
    const found: Repelled[] = [];
    for (const { vm: other, nodeId, repels } of this.#repelling.values()) {
      if (other.id === vm.id) continue;
      for (const rule of repels) {
        if (selects(rule, vm)) found.push({ nodeId, topologyLabel: rule.topologyLabel });
      }
    }
    return found;
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

function negative({ vcpus, memoryMib, vms }: Usage): Usage {
  return { vcpus: -vcpus, memoryMib: -memoryMib, vms: -vms };
}
