/**
 * Room for the machines of fleets: the node of each that is made, held from its choice until it is
 * stored, and whether those that grow find room where they are.
 */
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { demandOf } from '../../decide/candidates.js';
import { type Capacity, roomKeptFor } from '../../decide/capacity.js';
import {
  asMachine,
  type FleetBatch,
  type MachineOf,
  type MachineToChange,
  type MachineToMake,
} from '../../decide/fleet-machine.js';
import type { RolloutSteps } from '../../decide/fleet-rollout.js';
import { demandOfVm, difference, missingOn, sumOf } from '../../decide/fleet-shortfall.js';
import { placeMachine, stillFits } from '../../decide/place-machine.js';
import { type Demand, noDemand } from '../../decide/placement.js';
import type { Lookup } from '../../reconcile/driver.js';

/** What the rooms are found with. */
export interface FleetRoomsOptions {
  readonly capacity: Capacity;
  /** A new machine's id. */
  readonly newId: () => string;
}

/** What a fleet wants to do next. */
export interface RoomQuestion {
  readonly fleet: VmFleet;
  readonly steps: RolloutSteps;
  readonly machines: readonly VirtualMachine[];
  readonly machineOf: MachineOf;
  readonly lookup: Lookup;
}

/** Machines that are made, or changed, in one go. */
const makeMax = 64;
const changeMax = 64;
const reasonsShownMax = 4;

/** The rooms of all fleets. */
export class FleetRooms {
  readonly #options: FleetRoomsOptions;
  /** By fleet: machines that room is held for and that may not be stored yet. */
  readonly #held = new Map<string, readonly string[]>();

  constructor(options: FleetRoomsOptions) {
    this.#options = options;
  }

  /**
   * What can be done now of the steps: machines with their nodes, which are held, and changes that
   * their nodes have room for; and for people what is in the way of the rest.
   */
  find(question: RoomQuestion): { readonly batch: FleetBatch; readonly hindrance?: string } {
    this.letGo(question.fleet, question.lookup);
    const made = this.#make(question);
    const changed = this.#change(question);
    const hindrance = made.hindrance ?? changed.hindrance;
    const batch = { make: made.make, change: changed.change };
    return { batch, ...(hindrance !== undefined && { hindrance }) };
  }

  /** Gives back what is held for machines that were not stored. */
  letGo(fleet: VmFleet, lookup: Lookup): void {
    const { occupancy } = this.#options.capacity;
    for (const id of this.#held.get(fleet.id) ?? []) {
      if (lookup.get('vm', id) === undefined) occupancy.release(id);
    }
    this.#held.delete(fleet.id);
    occupancy.reserve(fleet.id, roomKeptFor(lookup.get<VmFleet>('vm_fleet', fleet.id)));
  }

  #make(question: RoomQuestion): { make: MachineToMake[]; hindrance?: string } {
    const { fleet, steps, machineOf, lookup } = question;
    const { capacity, newId } = this.#options;
    const kept = { ...fleet.status?.reservations };
    const make: MachineToMake[] = [];
    const held: string[] = [];
    this.#held.set(fleet.id, held);
    for (const index of steps.make.slice(0, makeMax)) {
      const wanted = machineOf(index);
      const vm = asMachine(fleet, wanted, { index, id: newId() });
      const reserved = kept[String(index)];
      if (reserved !== undefined && fleet.status !== undefined) {
        delete kept[String(index)];
        const status = { ...fleet.status, reservations: kept };
        capacity.occupancy.reserve(fleet.id, roomKeptFor({ ...fleet, status }));
      }
      const node = this.#nodeFor(vm, reserved?.nodeId, lookup);
      if (typeof node === 'string') return { make, hindrance: `${wanted.name}: ${node}` };
      capacity.occupancy.hold(vm, node.nodeId);
      held.push(vm.id);
      make.push({ index, id: vm.id, wanted, ...node });
    }
    return { make };
  }

  /** The node that is kept for a machine, or another where that one doesn't suit it any more. */
  #nodeFor(
    vm: VirtualMachine,
    reserved: string | undefined,
    lookup: Lookup,
  ): Pick<MachineToMake, 'nodeId' | 'reasons'> | string {
    const { capacity } = this.#options;
    const world = { lookup, capacity };
    if (reserved !== undefined && stillFits(vm, reserved, world)) {
      const name = capacity.candidate(reserved)?.name ?? reserved;
      return { nodeId: reserved, reasons: [`${name}: room was kept there for the whole fleet`] };
    }
    const placement = placeMachine(vm, world);
    if (placement.kind === 'placed') return placement;
    return `no node can take it now: ${placement.reasons.slice(0, reasonsShownMax).join('; ')}`;
  }

  #change({ steps, machines, machineOf }: RoomQuestion): {
    change: MachineToChange[];
    hindrance?: string;
  } {
    const byId = new Map(machines.map((vm) => [vm.id, vm]));
    const change: MachineToChange[] = [];
    const growth = new Map<string, Demand>();
    for (const { id, index } of steps.change.slice(0, changeMax)) {
      const vm = byId.get(id);
      if (vm === undefined) continue;
      const wanted = machineOf(index);
      const nodeId = vm.status?.nodeId ?? '';
      // Those that are changed at once grow beside each other.
      const own = difference(demandOf(wanted.spec), demandOfVm(vm));
      const more = sumOf([growth.get(nodeId) ?? noDemand, own]);
      const missing = missingOn(nodeId, more, this.#options.capacity);
      if (missing !== undefined) {
        return { change, hindrance: `${vm.name} has no room to grow: ${missing}` };
      }
      growth.set(nodeId, more);
      change.push({ id, wanted });
    }
    return { change };
  }
}
