/**
 * Admission of a fleet: all of its machines find room together, or none is made. What is decided is
 * kept as reservations in the fleet's status, in the transaction that stores the fleet; the
 * machines are made from them in batches. Pure; the capacity is left as it was.
 */
import { create, equals } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type FleetReservation,
  FleetReservationSchema,
  type VmFleet,
  VmFleetPhase,
  type VmFleetStatus,
  VmFleetStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { type FieldViolation, LimiError } from '../resource/error.js';
import { invalidFields } from '../resource/invalid-fields.js';
import type { Lookup } from '../resource/lookup.js';
import type { AdmissionInput, AdmissionResult } from './admission.js';
import { demandOf } from './candidates.js';
import { roomKeptFor } from './capacity.js';
import { refuseAddresses } from './fleet-addresses.js';
import { asMachine, indexOf, type MachineOf, machinesOf, replicasOf } from './fleet-machine.js';
import { growthOf } from './fleet-quota.js';
import { refuseGrowth, refuseShortfall } from './fleet-shortfall.js';
import { placeTogether } from './place-machine.js';
import { volumesToMake } from './quota.js';

type Input = AdmissionInput<VmFleet>;
type Reservations = VmFleetStatus['reservations'];

/** Decides on a fleet. Throws FAILED_PRECONDITION, with the shortfall, where not all of it fits. */
export function admitFleet(input: Input): AdmissionResult<VmFleet> {
  const { next, previous, lookup, validate } = input;
  const machineOf = machinesOf({ fleet: next, template: templateOf(next, input), validate });
  const members = membersOf(next, input);
  const reservations = previous?.status?.reservations ?? {};
  const made = new Set(members.map(indexOf));
  const open = range(replicasOf(next)).filter((index) => !made.has(index));
  const machines = open.map((index) => {
    return asMachine(next, machineOf(index), { index, id: `${next.id}/${index}` });
  });
  refuseInvalid(input, machineOf);
  refuseNames(input, machines);
  refuseAddresses({ machines, lookup });
  refuseGrowth({ ...input, fleet: next, members, machineOf });
  const { kept, nodes } = reserve(input, machines, reservations);
  const status = create(VmFleetStatusSchema, {
    ...(previous?.status ?? { phase: VmFleetPhase.PENDING }),
    reservations: kept,
  });
  const room = `${machines.length} machines have room on ${nodes} nodes`;
  const verdict = { reasons: machines.length === 0 ? [] : [room] };
  const resource = { ...next, status };
  const later = growthOf({ fleet: next, members, machineOf });
  const result = { resource, children: [], claims: [], releases: [], later };
  return { ...result, room: roomKeptFor(resource), verdict };
}

/** The template that a fleet follows. */
export function templateOf(
  fleet: VmFleet,
  { lookup }: { readonly lookup: Pick<Lookup, 'get'> },
): VmTemplate | undefined {
  const { template } = fleet.spec ?? {};
  return template?.case === 'templateId'
    ? lookup.get<VmTemplate>('vm_template', template.value)
    : undefined;
}

/** The machines that a fleet has, those included that are being removed. */
export function membersOf(
  fleet: VmFleet,
  { lookup }: { readonly lookup: Pick<Lookup, 'referrers'> },
): VirtualMachine[] {
  return lookup
    .referrers<VirtualMachine>('vm', fleet.id)
    .filter(({ owner }) => owner?.id === fleet.id);
}

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** Keeps what is reserved already for the same demand, and decides on the rest together. */
function reserve(
  { next, previous, lookup, capacity }: Input,
  machines: readonly VirtualMachine[],
  reservations: Reservations,
): { readonly kept: Reservations; readonly nodes: number } {
  const kept: Reservations = {};
  const rest: VirtualMachine[] = [];
  for (const vm of machines) {
    const index = String(indexOf(vm));
    const reservation = Object.hasOwn(reservations, index) ? reservations[index] : undefined;
    if (reservation !== undefined && isFor(reservation, vm)) kept[index] = reservation;
    else rest.push(vm);
  }
  const { occupancy } = capacity;
  const status = create(VmFleetStatusSchema, { reservations: kept });
  occupancy.reserve(next.id, roomKeptFor({ ...next, status }));
  try {
    const { nodeIds, rejected, reasons } = placeTogether(rest, { lookup, capacity });
    if (rejected.length > 0) {
      const placed = nodeIds.size + machines.length - rest.length;
      throw refuseShortfall({ fleet: next, rejected, placed, reasons, capacity });
    }
    for (const vm of rest) {
      const nodeId = nodeIds.get(vm.id) ?? '';
      kept[String(indexOf(vm))] = create(FleetReservationSchema, { nodeId, ...needOf(vm) });
    }
  } finally {
    occupancy.reserve(next.id, roomKeptFor(previous));
  }
  const nodes = new Set(Object.values(kept).map(({ nodeId }) => nodeId)).size;
  return { kept, nodes };
}

function isFor(reservation: FleetReservation, vm: VirtualMachine): boolean {
  const { nodeId } = reservation;
  const needed = create(FleetReservationSchema, { nodeId, ...needOf(vm) });
  return equals(FleetReservationSchema, reservation, needed);
}

type Need = Omit<FleetReservation, 'nodeId' | '$typeName' | '$unknown'>;

function needOf({ spec }: VirtualMachine): Need {
  if (spec === undefined) return { vcpus: 0, memoryMib: 0n, sizeMib: 0n, volumes: 0, poolGib: {} };
  const { vcpus, memoryMib } = demandOf(spec);
  const { count, pools } = volumesToMake(spec);
  const sizeMib = spec.memory?.sizeMib ?? 0n;
  const poolGib = Object.fromEntries(pools);
  return { vcpus, memoryMib: BigInt(memoryMib), sizeMib, volumes: count, poolGib };
}

/** Checks machines against the contract's rules: the first, the last, and those that differ. */
function refuseInvalid({ next, validate }: Input, machineOf: MachineOf): void {
  const replicas = replicasOf(next);
  const own = Object.keys(next.spec?.overrides ?? {}).map(Number);
  const indexes = replicas === 0 ? own : [0, replicas - 1, ...own];
  for (const index of new Set(indexes)) {
    const { spec, ...header } = machineOf(index);
    try {
      validate(VirtualMachineSchema, create(VirtualMachineSchema, { ...header, spec }));
    } catch (error) {
      if (!(error instanceof LimiError) || error.violations.length === 0) throw error;
      throw invalidFields(error.violations.map((one) => asFleets(next, index, one)));
    }
  }
}

/** What is wrong with a machine, said of the fleet's field that it comes from. */
function asFleets(fleet: VmFleet, index: number, violation: FieldViolation): FieldViolation {
  const { path, message } = violation;
  if (path === 'name')
    return { path: 'spec.name_pattern', message: `(machine ${index}) ${message}` };
  if (path.startsWith('labels')) return { path: `spec.vm_${path}`, message };
  if (fleet.spec?.template.case === 'vm')
    return { path: path.replace(/^spec/, 'spec.vm'), message };
  return { path: 'spec.template_id', message: `gives ${path}, which ${message}` };
}

/** Refuses names that others have, or that two machines would have. */
function refuseNames({ next, lookup }: Input, machines: readonly VirtualMachine[]): void {
  for (const { name } of machines) {
    const holder = lookup.findByName({ type: 'vm', projectId: next.projectId, name });
    if (holder === undefined || holder.owner?.id === next.id) continue;
    const message = `gives the name ${name}, which vm ${holder.id} has; give another pattern`;
    throw new LimiError({
      code: Code.AlreadyExists,
      reason: 'NAME_TAKEN',
      message: `spec.name_pattern ${message}`,
      violations: [{ path: 'spec.name_pattern', message }],
    });
  }
}
