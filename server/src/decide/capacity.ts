/**
 * What the nodes have to give and what is given away, kept up to date from changes of resources so
 * that no decision has to count. A placement that isn't stored yet is held here as well: two
 * machines never get the same room. Knows neither store nor clock.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Lookup, ViewChange } from '../resource/lookup.js';
import type { AnyResource } from '../resource/resource.js';
import { candidateOf } from './candidates.js';
import { Occupancy, type Usage } from './occupancy.js';
import type { Candidate } from './placement.js';

/** Nodes, with the machines on them and the room that is kept on them. */
export class Capacity {
  readonly occupancy = new Occupancy();
  readonly #nodes = new Map<string, Candidate>();
  #candidates: readonly Candidate[] | undefined;

  /** The capacity as a lookup has it, for a decision of its own. */
  static of(lookup: Lookup): Capacity {
    const capacity = new Capacity();
    for (const type of followed) {
      for (const resource of lookup.list(type)) {
        capacity.changed({ key: { type, id: resource.id }, resource, previous: undefined });
      }
    }
    return capacity;
  }

  /** Every node, with what is used of it right now. */
  candidates(): readonly Candidate[] {
    this.#candidates ??= [...this.#nodes.values()];
    return this.#candidates;
  }

  /** One of them. */
  candidate(nodeId: string): Candidate | undefined {
    return this.#nodes.get(nodeId);
  }

  /** Follows a change of a resource. */
  changed({ key, resource }: ViewChange): void {
    if (key.type === 'node') this.#nodeChanged(key.id, resource);
    if (key.type === 'vm_fleet') {
      this.occupancy.reserve(key.id, roomKeptFor(resource as VmFleet | undefined));
    }
    if (key.type !== 'vm') return;
    // What was kept for it to grow is a part of what it has, or was not stored.
    this.occupancy.reserve(key.id, new Map());
    if (resource === undefined) {
      this.occupancy.release(key.id);
      return;
    }
    const vm = resource as VirtualMachine;
    const nodeId = vm.status?.nodeId ?? '';
    if (nodeId !== '') this.occupancy.hold(vm, nodeId);
  }

  #nodeChanged(id: string, resource: AnyResource | undefined): void {
    this.#candidates = undefined;
    if (resource === undefined) this.#nodes.delete(id);
    else this.#nodes.set(id, candidateOf(resource as Node, this.occupancy.usedOf(id)));
  }
}

const followed = ['node', 'vm', 'vm_fleet'];

/** The room that is kept for machines of a fleet which aren't made yet, by node. */
export function roomKeptFor(fleet: VmFleet | undefined): ReadonlyMap<string, Usage> {
  const room = new Map<string, Usage>();
  if (fleet === undefined || fleet.deletionRequestedAt !== undefined) return room;
  for (const { nodeId, vcpus, memoryMib } of Object.values(fleet.status?.reservations ?? {})) {
    const sum = room.get(nodeId) ?? { vcpus: 0, memoryMib: 0, vms: 0 };
    const memory = sum.memoryMib + Number(memoryMib);
    room.set(nodeId, { vcpus: sum.vcpus + vcpus, memoryMib: memory, vms: 0 });
  }
  return room;
}
