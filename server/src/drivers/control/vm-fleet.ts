/**
 * Brings a fleet's machines about: asks what is next (`decide/fleet-rollout`), gives new machines
 * their nodes, and has them made and changed in batches. What it remembers is a help and no more: a
 * driver that starts anew comes to the same steps.
 */
import {
  type VmFleet,
  VmFleetPhase,
  type VmFleetStatus,
  VmFleetStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import type { Validate } from '../../decide/admission.js';
import { membersOf, templateOf } from '../../decide/admit-fleet.js';
import type { Capacity } from '../../decide/capacity.js';
import {
  type FleetBatch,
  type MachineOf,
  machinesOf,
  replicasOf,
} from '../../decide/fleet-machine.js';
import { changeOf, concernsFleet, stateOf } from '../../decide/fleet-members.js';
import { decideRollout, type Member, type MemberChange } from '../../decide/fleet-rollout.js';
import { fleetStatus } from '../../decide/fleet-status.js';
import { madeRoom, movedNeighbour, waitsForRoomMs } from '../../decide/made-room.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import type { ResourceKey } from '../../resource/resource.js';
import type { ResourceType } from '../../resource/type-registry.js';
import { FleetRooms } from './fleet-rooms.js';

/** What the driver works with. */
export interface VmFleetDriverOptions {
  readonly capacity: Capacity;
  readonly newId: () => string;
  readonly validate: Validate;
  readonly vmType: ResourceType;
  /** Makes and changes machines, in one transaction with the fleet's record; idempotent. */
  readonly write: (fleet: VmFleet, batch: FleetBatch) => Promise<void>;
  /** Requests the deletion of a resource; idempotent. */
  readonly requestDeletion: (key: ResourceKey) => Promise<void>;
}

/** What is to be done now. */
interface Action {
  readonly fleet: VmFleet;
  readonly batch: FleetBatch;
  readonly remove: readonly string[];
}

/** What is to be done now, and what there is to say. */
interface Observed {
  readonly actions: readonly Action[];
  readonly status: VmFleetStatus;
  readonly againAfterMs: number | undefined;
}

/** Machines that are removed in one go. */
const removeMax = 256;
/** While nothing is to be done, a fleet's status is written at most this often. */
const statusMs = 200;

/** What is remembered of a fleet. */
interface Memory {
  /** What `machineOf` was made from. */
  readonly from: string;
  readonly machineOf: MachineOf;
  /** How far each machine was from wanted, as of its etag. */
  readonly changes: Map<string, { readonly etag: string; readonly change: MemberChange }>;
}

/** The driver for `vm_fleet` in the control plane. */
export class VmFleetControlDriver
  implements Driver<VmFleet, Observed, Action, VmFleetStatus>, SupportsTriggers
{
  readonly type = 'vm_fleet';
  readonly runsOn = 'control-plane';
  readonly #options: VmFleetDriverOptions;
  readonly #rooms: FleetRooms;
  readonly #memories = new Map<string, Memory>();
  readonly #writtenMs = new Map<string, number>();
  /** Fleets that wait for room. */
  readonly #waiting = new Set<string>();

  constructor(options: VmFleetDriverOptions) {
    this.#options = options;
    this.#rooms = new FleetRooms(options);
  }

  /** Decides the next steps, and holds the room for what they make. */
  async observe(given: VmFleet, lookup: Lookup): Promise<Observed> {
    // Earlier batches of the same go have changed the fleet's record.
    const fleet = lookup.get<VmFleet>('vm_fleet', given.id) ?? given;
    const template = templateOf(fleet, { lookup });
    const memory = this.#recall(fleet, template);
    const machines = membersOf(fleet, { lookup });
    const members = machines.map((vm) => this.#memberOf(vm, memory));
    const { rollout } = fleet.spec ?? {};
    const steps = decideRollout({ replicas: replicasOf(fleet), rollout, members });
    const { machineOf } = memory;
    const { batch, hindrance } = this.#rooms.find({ fleet, steps, machines, machineOf, lookup });
    if (hindrance === undefined) this.#waiting.delete(fleet.id);
    else this.#waiting.add(fleet.id);
    const remove = [...steps.remove, ...steps.replace].slice(0, removeMax).map(({ id }) => id);
    const templateEtag = template?.etag ?? '';
    const evidence = { fleet, machines, members, steps, hindrance, templateEtag };
    if (batch.make.length + batch.change.length + remove.length > 0) {
      const actions = [{ fleet, batch, remove }];
      return { actions, status: fleetStatus(evidence), againAfterMs: undefined };
    }
    const restMs = (this.#writtenMs.get(fleet.id) ?? 0) + statusMs - lookup.nowMs();
    if (restMs > 0 && fleet.status !== undefined) {
      return { actions: [], status: fleet.status, againAfterMs: restMs };
    }
    this.#writtenMs.set(fleet.id, lookup.nowMs());
    const againAfterMs = hindrance === undefined ? undefined : waitsForRoomMs;
    return { actions: [], status: fleetStatus(evidence), againAfterMs };
  }

  diff(_: VmFleet, { actions, status, againAfterMs }: Observed): Difference<Action, VmFleetStatus> {
    return { actions, status, ...(againAfterMs !== undefined && { againAfterMs }) };
  }

  async apply(_: VmFleet, { fleet, batch, remove }: Action): Promise<void> {
    const { write, requestDeletion } = this.#options;
    await Promise.all(remove.map((id) => requestDeletion({ type: 'vm', id })));
    if (batch.make.length + batch.change.length > 0) await write(fleet, batch);
  }

  /** The machines go first, then the fleet. */
  async remove(fleet: VmFleet, lookup: Lookup): Promise<Removal> {
    this.#rooms.letGo(fleet, lookup);
    this.#memories.delete(fleet.id);
    this.#writtenMs.delete(fleet.id);
    this.#waiting.delete(fleet.id);
    const machines = membersOf(fleet, { lookup });
    if (machines.length === 0) return { gone: true };
    const staying = machines.filter((vm) => vm.deletionRequestedAt === undefined);
    for (let from = 0; from < staying.length; from += removeMax) {
      const some = staying.slice(from, from + removeMax);
      await Promise.all(some.map(({ id }) => this.#options.requestDeletion({ type: 'vm', id })));
    }
    const status = patched(VmFleetStatusSchema, fleet.status, {
      observedGeneration: fleet.generation,
      phase: VmFleetPhase.DELETING,
    });
    return { gone: false, waitingFor: `${machines.length} machines`, status };
  }

  triggers(change: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    const { key, resource, previous } = change;
    switch (key.type) {
      case 'vm': {
        const waiting = madeRoom(change) || movedNeighbour(change) ? this.#waiting : [];
        const { owner } = resource ?? previous ?? {};
        const [before, after] = [previous, resource] as (VirtualMachine | undefined)[];
        const isOwn = owner?.type === 'vm_fleet' && concernsFleet(before, after);
        return [...waiting, ...(isOwn ? [owner.id] : [])].map(keyOf);
      }
      case 'vm_fleet':
        return madeRoom(change) ? [...this.#waiting].map(keyOf) : [];
      case 'vm_template':
        return lookup.referrers('vm_fleet', key.id).map(({ id }) => keyOf(id));
      case 'node':
      case 'storage_pool':
        return [...this.#waiting].map(keyOf);
      default:
        return [];
    }
  }

  #recall(fleet: VmFleet, template: VmTemplate | undefined): Memory {
    const from = `${fleet.generation} ${fleet.name} ${template?.etag ?? ''}`;
    const known = this.#memories.get(fleet.id);
    if (known?.from === from) return known;
    const { validate } = this.#options;
    const machineOf = machinesOf({ fleet, template, validate });
    const memory: Memory = { from, machineOf, changes: new Map() };
    this.#memories.set(fleet.id, memory);
    return memory;
  }

  #memberOf(vm: VirtualMachine, { machineOf, changes }: Memory): Member {
    const index = Number(vm.owner?.device);
    const state = stateOf(vm);
    if (state === 'leaving') {
      changes.delete(vm.id);
      return { index, id: vm.id, state, change: 'none' };
    }
    const known = changes.get(vm.id);
    const change =
      known?.etag === vm.etag ? known.change : changeOf(this.#options.vmType, vm, machineOf(index));
    changes.set(vm.id, { etag: vm.etag, change });
    return { index, id: vm.id, state, change };
  }
}

const keyOf = (id: string): ResourceKey => ({ type: 'vm_fleet', id });
