/** What there is to say of a fleet: counts, machines, whether it is as wanted. Pure. */
import { create } from '@bufbuild/protobuf';
import {
  type FleetMember,
  FleetMemberSchema,
  FleetRolloutSchema,
  VmFleetPhase as Phase,
  type VmFleet,
  type VmFleetStatus,
  VmFleetStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import {
  type VirtualMachine,
  VirtualMachinePhase,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Condition } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { effective } from '../resource/default-values.js';
import { patched } from '../resource/patched.js';
import { failed, notReady, ready, readyOf } from '../resource/ready.js';
import { indexOf, replicasOf } from './fleet-machine.js';
import type { Member, RolloutSteps } from './fleet-rollout.js';

/** What the status is made from. */
export interface FleetEvidence {
  readonly fleet: VmFleet;
  readonly machines: readonly VirtualMachine[];
  /** The same machines, as the rollout sees them. */
  readonly members: readonly Member[];
  readonly steps: RolloutSteps;
  /** Why a machine can't be made or changed now, for people; undefined where it can. */
  readonly hindrance: string | undefined;
  readonly templateEtag: string;
}

/** The fleet's status. */
export function fleetStatus(evidence: FleetEvidence): VmFleetStatus {
  const { fleet, machines, members, templateEtag } = evidence;
  const staying = machines.filter(({ deletionRequestedAt }) => deletionRequestedAt === undefined);
  const replicas = replicasOf(fleet);
  const regular = members.filter(({ index, state }) => index < replicas && state !== 'leaving');
  const readyCount = regular.filter(({ state }) => state === 'ready').length;
  return patched(VmFleetStatusSchema, fleet.status, {
    observedGeneration: fleet.generation,
    ...judge(evidence, regular),
    replicas: staying.length,
    readyReplicas: readyCount,
    updatedReplicas: regular.filter(({ change }) => change === 'none').length,
    unavailableReplicas: replicas - readyCount,
    phases: phasesOf(machines),
    members: Object.fromEntries(staying.map((vm) => [String(indexOf(vm)), memberOf(vm)])),
    templateEtag,
  });
}

interface Verdict {
  readonly phase: Phase;
  readonly conditions: Condition[];
}

function judge(evidence: FleetEvidence, regular: readonly Member[]): Verdict {
  const { fleet, members, steps, hindrance } = evidence;
  const replicas = replicasOf(fleet);
  const unready = regular.filter(({ state }) => state !== 'ready');
  const bad = regular.find(({ state, change }) => state === 'failed' && change === 'none');
  const updated = regular.filter(({ change }) => change === 'none').length;
  const progress = `${updated} of ${replicas} machines are as wanted`;
  if (bad !== undefined) {
    const why = `${progress}; ${nameAndReason(evidence, bad)}; nothing more is changed until the template is`;
    return { phase: Phase.FAILED, conditions: failed('MachineFailed', why) };
  }
  const outdated = regular.length - updated;
  const isMaking = regular.length < replicas || steps.make.length > 0;
  const paused = effective(FleetRolloutSchema, fleet.spec?.rollout, 'paused');
  if (paused && outdated > 0 && unready.length === 0 && !isMaking) {
    return { phase: Phase.PAUSED, conditions: ready() };
  }
  if (hindrance !== undefined) {
    const phase = outdated > 0 ? Phase.UPDATING : Phase.PENDING;
    return { phase, conditions: notReady('NoRoom', `${progress}; ${hindrance}`) };
  }
  if (isMaking && outdated === 0) {
    return { phase: Phase.PENDING, conditions: notReady('MakingMachines', progress) };
  }
  const waitsFor =
    unready[0] === undefined ? '' : `; waits for ${nameAndReason(evidence, unready[0])}`;
  if (outdated > 0) {
    const phase = paused ? Phase.PAUSED : Phase.UPDATING;
    return { phase, conditions: notReady('RollingOut', `${progress}${waitsFor}`) };
  }
  if (unready.length > 0) {
    const isNew = fleet.status?.phase === Phase.READY || fleet.status?.phase === Phase.DEGRADED;
    const why = `${unready.length} of ${replicas} machines are not ready${waitsFor}`;
    const phase = isNew ? Phase.DEGRADED : Phase.PENDING;
    return { phase, conditions: notReady('MachinesNotReady', why) };
  }
  if (members.some(({ index }) => index >= replicas)) {
    const why = `${progress}; those beyond them are being removed`;
    return { phase: Phase.UPDATING, conditions: notReady('RemovingMachines', why) };
  }
  return { phase: Phase.READY, conditions: ready() };
}

function nameAndReason({ machines }: FleetEvidence, { id }: Member): string {
  const vm = machines.find((one) => one.id === id);
  const why = readyOf(vm?.status?.conditions)?.message ?? '';
  return `${vm?.name ?? id}: ${why === '' ? 'it is not ready yet' : why}`;
}

function memberOf(vm: VirtualMachine): FleetMember {
  const nics = Object.entries(vm.status?.nics ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const ipAddresses = nics.flatMap(([, nic]) => nic.ipAddresses);
  return create(FleetMemberSchema, { vmId: vm.id, name: vm.name, ipAddresses });
}

const phaseDesc = VirtualMachineStatusSchema.field.phase.enum;

/** How many machines are in each phase, by the word for it. */
function phasesOf(machines: readonly VirtualMachine[]): { [phase: string]: number } {
  const counts: { [phase: string]: number } = {};
  for (const { status } of machines) {
    const number = status?.phase ?? VirtualMachinePhase.UNSPECIFIED;
    const name = phaseDesc?.value[number]?.name.slice(phaseDesc.sharedPrefix?.length ?? 0) ?? '';
    const word = name.toLowerCase();
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}
