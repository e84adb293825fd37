/**
 * What operations ask of a machine's power, beside its spec: how patient a stop is, and that it be
 * started anew. An operation is carried out when the domain's marks name it or a newer one, so that
 * none is done twice, whatever crashes in between. Pure.
 */
import {
  RebootVirtualMachineRequestSchema,
  StopVirtualMachineRequestSchema,
} from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import type { Operation } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { argumentsOf } from '../../decide/operation.js';
import type { Lookup } from '../../resource/lookup.js';
import type { Marks } from './domain-xml.js';

/** What a stop or a reboot asks for where it doesn't say. */
const GRACEFUL_SECONDS = 60;

/** What is asked for; nothing for what was done or called off. */
export interface PowerOrders {
  /** How long a guest that shall be off may take. */
  readonly stop?: { readonly patienceMs: number };
  /** That the guest shut down and start again. */
  readonly reboot?: { readonly id: string; readonly patienceMs: number };
  /** That the guest be reset at once. */
  readonly reset?: { readonly id: string };
  /** The newest of those that a start of the guest fulfils. */
  readonly newestId?: string;
}

/** The orders for a machine; `marks` are those of its domain. */
export function powerOrders(vmId: string, marks: Marks | undefined, lookup: Lookup): PowerOrders {
  const done = marks?.operationId ?? '';
  const pending = lookup
    .list<Operation>('operation')
    .filter(({ id, spec }) => spec?.targetId === vmId && !spec.cancelRequested && id > done)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const newest = (...methods: readonly string[]): Operation | undefined =>
    pending.findLast(({ spec }) => methods.includes(spec?.method ?? ''));
  const stop = newest('StopVirtualMachine');
  const reboot = newest('RebootVirtualMachine');
  const reset = newest('ResetVirtualMachine');
  const anew = newest(...startingMethods);
  return {
    ...(stop && { stop: { patienceMs: patienceOf(StopVirtualMachineRequestSchema, stop) } }),
    ...(reboot && {
      reboot: {
        id: reboot.id,
        patienceMs: patienceOf(RebootVirtualMachineRequestSchema, reboot),
      },
    }),
    ...(reset && { reset: { id: reset.id } }),
    ...(anew && { newestId: anew.id }),
  };
}

const startingMethods = [
  'StartVirtualMachine',
  'ResumeVirtualMachine',
  'RebootVirtualMachine',
  'ResetVirtualMachine',
];

type Graceful = typeof StopVirtualMachineRequestSchema | typeof RebootVirtualMachineRequestSchema;

function patienceOf(request: Graceful, operation: Operation): number {
  const { force, gracefulSeconds } = argumentsOf(request, operation);
  return force ? 0 : (gracefulSeconds || GRACEFUL_SECONDS) * 1_000;
}
