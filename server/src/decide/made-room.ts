/**
 * Which changes make room for machines that wait for it, or let them be where they could not: so
 * that whoever waits is asked again when it may help. Pure.
 */

import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { ViewChange } from '../resource/lookup.js';
import { demandOfVm } from './fleet-shortfall.js';
import { wholeSpecOf } from './whole-spec.js';

/** How long a machine waits for a node before it is looked at again without any change. */
export const waitsForRoomMs = 30_000;

/** Whether there may be more room on nodes after a change of a machine or a fleet than before. */
export function madeRoom({ key, resource, previous }: ViewChange): boolean {
  if (previous === undefined) return false;
  if (key.type === 'vm') return machineMadeRoom(previous as VirtualMachine, resource);
  if (key.type === 'vm_fleet') return keptBy(resource) < keptBy(previous);
  return false;
}

function machineMadeRoom(before: VirtualMachine, after: ViewChange['resource']): boolean {
  const nodeId = nodeOf(before);
  if (nodeId === '') return false;
  if (nodeOf(after) !== nodeId) return true;
  if (after?.generation === before.generation) return false;
  const [was, is] = [demandOfVm(before), demandOfVm(after as VirtualMachine)];
  return is.memoryMib < was.memoryMib || is.vcpus < was.vcpus;
}

/** For how many machines a fleet keeps room. */
function keptBy(fleet: ViewChange['resource']): number {
  if (fleet === undefined || fleet.deletionRequestedAt !== undefined) return 0;
  return Object.keys((fleet as VmFleet).status?.reservations ?? {}).length;
}

/**
 * Whether a change of a machine may matter to those that have rules about others: where it is, and
 * which selectors mean it.
 */
export function movedNeighbour({ key, resource, previous }: ViewChange): boolean {
  if (key.type !== 'vm') return false;
  if (nodeOf(resource) !== nodeOf(previous)) return true;
  return JSON.stringify(resource?.labels) !== JSON.stringify(previous?.labels);
}

/** Whether a machine has rules about others. */
export function hasNeighbourRules(vm: VirtualMachine): boolean {
  const { affinity = {}, antiAffinity = {}, spread = {} } = wholeSpecOf(vm)?.placement ?? {};
  return [affinity, antiAffinity, spread].some((rules) => Object.keys(rules).length > 0);
}

const nodeOf = (vm: ViewChange['resource']): string =>
  (vm as VirtualMachine | undefined)?.status?.nodeId ?? '';
