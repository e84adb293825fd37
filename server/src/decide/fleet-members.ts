/** The machines of a fleet as its rollout sees them: their state, how far from wanted. Pure. */
import { type VirtualMachine, VirtualMachinePhase } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { intentChanges, worstDisruption } from '../resource/changes.js';
import { isReady } from '../resource/conditions.js';
import { readyOf } from '../resource/ready.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { WantedMachine } from './fleet-machine.js';
import type { Member, MemberChange } from './fleet-rollout.js';

/** In what state a machine is. */
export function stateOf(vm: VirtualMachine): Member['state'] {
  if (vm.deletionRequestedAt !== undefined) return 'leaving';
  if (isReady(vm)) return 'ready';
  if (vm.status?.phase === VirtualMachinePhase.LOST) return 'lost';
  const isOld = vm.status?.observedGeneration !== vm.generation;
  const status = readyOf(vm.status?.conditions)?.status;
  return status === ConditionStatus.FAILED && !isOld ? 'failed' : 'waiting';
}

/** What has to be done to a machine so that it is as wanted. */
export function changeOf(
  type: ResourceType,
  vm: VirtualMachine,
  wanted: WantedMachine,
): MemberChange {
  const changes = intentChanges(type, vm, { ...vm, ...wanted });
  if (changes.length === 0) return 'none';
  if (changes.some(({ immutable }) => immutable)) return 'replace';
  return worstDisruption(changes) > Disruption.NEXT_BOOT ? 'costly' : 'live';
}

/** Whether a change of a machine means something to its fleet. */
export function concernsFleet(
  before: VirtualMachine | undefined,
  after: VirtualMachine | undefined,
): boolean {
  if (before === undefined || after === undefined || before.etag !== after.etag) return true;
  const [was, is] = [before, after].map((vm) => readyOf(vm.status?.conditions));
  return (
    before.status?.phase !== after.status?.phase ||
    before.status?.observedGeneration !== after.status?.observedGeneration ||
    was?.status !== is?.status ||
    was?.message !== is?.message
  );
}
