/**
 * Whether a virtual machine is as wanted, in one word and with the reason: from what its node
 * observed and from its volumes and ports. Pure.
 */
import { create } from '@bufbuild/protobuf';
import {
  type NicStatus,
  NicStatusSchema,
  VirtualMachinePhase as Phase,
  PowerState,
  type VirtualMachine,
  type VirtualMachineStatus,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { type Condition, ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Lookup } from '../resource/lookup.js';
import { failed, notReady, ready, readyOf } from '../resource/ready.js';
import { volumesOf } from './candidates.js';
import { withWholeSpec } from './whole-spec.js';

/** What the judgement rests on. */
export interface VmEvidence {
  /** The status as it will be, but for what is judged here. */
  readonly status: VirtualMachineStatus;
  readonly lookup: Lookup;
  readonly nodeConnected: boolean;
}

/** The judgement, as fields of the status. */
export interface VmJudgement {
  readonly phase: Phase;
  readonly conditions: Condition[];
  readonly nics: { [name: string]: NicStatus };
}

/** Judges a machine that isn't being deleted. */
export function judgeVm(given: VirtualMachine, evidence: VmEvidence): VmJudgement {
  const vm = withWholeSpec(given);
  const ports = portsOf(vm, evidence.lookup);
  const nics = Object.fromEntries([...ports].map(([name, port]) => [name, nicStatusOf(port)]));
  return { nics, ...judgePlace(vm, evidence, ports) };
}

type Verdict = Pick<VmJudgement, 'phase' | 'conditions'>;

function judgePlace(vm: VirtualMachine, evidence: VmEvidence, ports: Map<string, Port>): Verdict {
  const { status, lookup, nodeConnected } = evidence;
  if (status.nodeId === '') {
    const why = status.placementReasons.slice(0, 8).join('; ');
    return verdict(Phase.PENDING, notReady('NoNodeFits', `no node can take it now: ${why}`));
  }
  const bad = volumesOf(vm, lookup).find((volume) => isFailed(volume.status?.conditions));
  if (bad !== undefined) {
    const why = readyOf(bad.status?.conditions)?.message ?? '';
    return verdict(Phase.FAILED, failed('VolumeFailed', `volume ${bad.name}: ${why}`));
  }
  if (status.nodeFailed) {
    return verdict(Phase.FAILED, failed('NodeRefused', status.nodeMessage));
  }
  if (!nodeConnected) {
    return verdict(Phase.LOST, notReady('NodeNotReady', 'its node is not heard of'));
  }
  if (status.nodeGeneration < vm.generation) {
    const why = status.nodeMessage === '' ? 'its node has not begun' : status.nodeMessage;
    return verdict(Phase.PROVISIONING, notReady('Provisioning', why));
  }
  return judgePower(vm, status, ports);
}

/** What a machine that shall not run is, when it is so. */
const restPhases: ReadonlyMap<PowerState, Phase> = new Map([
  [PowerState.STOPPED, Phase.STOPPED],
  [PowerState.PAUSED, Phase.PAUSED],
  [PowerState.SUSPENDED, Phase.SUSPENDED],
]);

const offStates: ReadonlySet<PowerState> = new Set([PowerState.STOPPED, PowerState.CRASHED]);

function judgePower(
  vm: VirtualMachine,
  status: VirtualMachineStatus,
  ports: Map<string, Port>,
): Verdict {
  const wanted = vm.spec?.powerState ?? PowerState.UNSPECIFIED;
  const phase = restPhases.get(wanted);
  if (phase !== undefined) {
    if (status.powerState === wanted) return verdict(phase, ready());
    // One that ended by itself is as off as one that was shut down; neither has memory to save.
    if (wanted !== PowerState.PAUSED && offStates.has(status.powerState)) {
      return verdict(Phase.STOPPED, ready());
    }
    return verdict(Phase.PROVISIONING, notReady('PowerState', 'its power state is being changed'));
  }
  if (status.powerState !== PowerState.RUNNING) {
    const why = status.nodeMessage === '' ? 'the guest does not run' : status.nodeMessage;
    const crashed = status.powerState === PowerState.CRASHED;
    return verdict(crashed ? Phase.CRASHED : Phase.PROVISIONING, notReady('NotRunning', why));
  }
  const missing = missingOf(vm, status, ports);
  return verdict(Phase.RUNNING, missing ?? ready());
}

/** What a running machine lacks to be ready. */
function missingOf(
  vm: VirtualMachine,
  status: VirtualMachineStatus,
  ports: Map<string, Port>,
): Condition[] | undefined {
  for (const name of Object.keys(vm.spec?.nics ?? {})) {
    if (ports.get(name)?.status?.up !== true) {
      return notReady('InterfaceDown', `interface ${name} is not up yet`);
    }
  }
  const waitFor = vm.spec?.waitFor;
  const guest = status.guestInfo;
  const needsAgent = waitFor?.guestAgent === true || waitFor?.guestAddresses === true;
  if (needsAgent && guest?.agentConnected !== true) {
    return notReady('GuestAgentSilent', 'the guest agent does not answer yet');
  }
  if (waitFor?.guestAddresses !== true) return undefined;
  for (const [name, port] of ports) {
    const seen = guest?.nics[name]?.ipAddresses ?? [];
    const absent = port.status?.ipAddresses.find((ip) => !seen.includes(ip));
    if (absent === undefined) continue;
    const has = seen.length === 0 ? 'none' : seen.join(', ');
    const why = `the guest does not have ${absent} on interface ${name} yet (it has ${has})`;
    return notReady('GuestAddressMissing', why);
  }
  return undefined;
}

function portsOf(vm: VirtualMachine, lookup: Lookup): Map<string, Port> {
  const ports = new Map<string, Port>();
  for (const port of lookup.referrers<Port>('port', vm.id)) {
    const device = port.owner?.id === vm.id ? port.owner.device : undefined;
    if (device !== undefined && vm.spec?.nics[device]?.source.case === 'port') {
      ports.set(device, port);
    }
  }
  for (const [name, nic] of Object.entries(vm.spec?.nics ?? {})) {
    if (nic.source.case !== 'portId') continue;
    const port = lookup.get<Port>('port', nic.source.value);
    if (port !== undefined) ports.set(name, port);
  }
  return ports;
}

function nicStatusOf(port: Port): NicStatus {
  return create(NicStatusSchema, {
    portId: port.id,
    macAddress: port.status?.macAddress ?? '',
    ipAddresses: port.status?.ipAddresses ?? [],
  });
}

function isFailed(conditions: readonly Condition[] | undefined): boolean {
  return readyOf(conditions)?.status === ConditionStatus.FAILED;
}

function verdict(phase: Phase, conditions: Condition[]): Verdict {
  return { phase, conditions };
}
