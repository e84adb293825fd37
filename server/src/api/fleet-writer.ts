/**
 * Makes and changes the machines of a fleet in batches. Each batch is one transaction with the
 * fleet's own record, in which the reservations of what is made go: a crash between two batches
 * leaves a fleet that is as far as its record says.
 */
import { create } from '@bufbuild/protobuf';
import {
  type VmFleet,
  type VmFleetStatus,
  VmFleetStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine, VirtualMachineStatus } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  asMachine,
  type FleetBatch,
  indexOf,
  type MachineToChange,
  type MachineToMake,
} from '../decide/fleet-machine.js';
import { type Amounts, amountsOf } from '../decide/quota.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { type ApiContext, commitPlan } from './api-context.js';
import { planCreation } from './create-resource.js';
import { newHeader } from './header.js';
import { planChange } from './update-resource.js';
import { WritePlan } from './write-plan.js';

/** A batch goes on in another transaction beyond this; the store takes some thousand writes. */
const writesMax = 1_500;

/** Writes for fleets. */
export class FleetWriter {
  readonly #context: ApiContext;

  constructor(context: ApiContext) {
    this.#context = context;
  }

  /** A new machine's id. */
  newId(): string {
    return this.#context.newId();
  }

  /**
   * Makes and changes machines, as many as fit into a transaction; nothing where the fleet was
   * changed meanwhile. Idempotent: machines that are there aren't made again. Throws what admission
   * throws.
   */
  async write(fleet: VmFleet, batch: FleetBatch): Promise<void> {
    const { revision } = await commitPlan(this.#context, () => this.#plan(fleet, batch));
    if (revision !== undefined) await this.#context.view.settled(revision);
  }

  #plan(fleet: VmFleet, { make, change }: FleetBatch): { plan: WritePlan | undefined } {
    const { view, types } = this.#context;
    const current = view.get<VmFleet>('vm_fleet', fleet.id);
    if (current === undefined || current.deletionRequestedAt !== undefined) return none;
    if (current.generation !== fleet.generation) return none;
    const plan = new WritePlan();
    const type = types.get('vm');
    const made: string[] = [];
    for (const machine of make) {
      if (plan.size > writesMax) break;
      const index = String(machine.index);
      // Its reservation goes in this very transaction: the machine takes its place.
      plan.giveBack(fleet.projectId, reservedFor(current, index));
      this.#make(type, fleet, machine, plan);
      made.push(index);
    }
    for (const machine of change) {
      if (plan.size > writesMax) break;
      this.#change(type, fleet, machine, plan);
    }
    if (plan.size === 0) return none;
    plan.update(types.get('vm_fleet'), withoutReservations(current, made), current);
    return { plan };
  }

  #make(type: ResourceType, fleet: VmFleet, machine: MachineToMake, plan: WritePlan): void {
    const { wanted, nodeId, reasons } = machine;
    if (this.#isMade(fleet, machine.index)) return;
    const { newId, nowMs } = this.#context;
    const { createdBy } = fleet;
    const next = newHeader(type, asMachine(fleet, wanted, machine) as AnyResource, {
      newId,
      nowMs: nowMs(),
      createdBy,
    });
    const decided: Partial<VirtualMachineStatus> = { nodeId, placementReasons: [...reasons] };
    planCreation(this.#context, { type, next, createdBy, plan, decided });
  }

  #isMade(fleet: VmFleet, index: number): boolean {
    return this.#context.view
      .referrers<VirtualMachine>('vm', fleet.id)
      .some((vm) => vm.owner?.id === fleet.id && indexOf(vm) === index);
  }

  #change(
    type: ResourceType,
    { createdBy }: VmFleet,
    { id, wanted }: MachineToChange,
    plan: WritePlan,
  ): void {
    const previous = this.#context.view.get('vm', id);
    if (previous === undefined || previous.deletionRequestedAt !== undefined) return;
    const next = { ...previous, ...wanted };
    planChange(this.#context, { type, next, previous, createdBy, plan });
  }
}

const none = { plan: undefined };

function reservedFor(fleet: VmFleet, index: string): Amounts {
  const reservation = fleet.status?.reservations[index];
  if (reservation === undefined) return new Map();
  const status = create(VmFleetStatusSchema, { reservations: { [index]: reservation } });
  const one: VmFleet = { ...fleet, status };
  return amountsOf('vm_fleet', one);
}

function withoutReservations(fleet: VmFleet, made: readonly string[]): AnyResource {
  const { status } = fleet;
  if (status === undefined) return fleet;
  const rest = Object.entries(status.reservations).filter(([index]) => !made.includes(index));
  const reservations: VmFleetStatus['reservations'] = Object.fromEntries(rest);
  const next: VmFleet = { ...fleet, status: { ...status, reservations } };
  return next;
}
