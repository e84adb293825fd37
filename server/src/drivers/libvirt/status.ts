/** The status that a node reports of a virtual machine: the fields that it observes. Pure. */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  DiskStatusSchema,
  type GuestInfo,
  GuestInfoSchema,
  GuestNicSchema,
  PowerState,
  type VirtualMachine,
  type VirtualMachineStatus,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { DomainState, ShutoffReason } from '../../wire/libvirt/constants.js';
import type { GuestFacts } from './guest-agent.js';
import type { Decision, ObservedDomain, ObservedVm } from './observed.js';
import type { DomainPlan } from './plan.js';
import type { Wanted } from './wanted.js';

/** What a report is made of. */
export interface StatusInput {
  readonly vm: VirtualMachine;
  readonly observed: ObservedVm;
  readonly wanted: Wanted;
  readonly decision: Decision;
  readonly pendingPaths: readonly string[];
  readonly nowMs: number;
}

/** Makes the report. */
export function reportStatus(input: StatusInput): VirtualMachineStatus {
  const { vm, observed, wanted, decision } = input;
  const { domain } = observed;
  const isDone = decision.actions.length === 0 && decision.waits.length === 0;
  const powerState = powerStateOf(domain);
  const reading = domain?.live ?? domain?.config;
  const disks = [...(reading?.plan.disks ?? [])].map(([name, { target }]) => {
    const volumeId = wanted.volumes.get(name)?.id ?? '';
    return [name, create(DiskStatusSchema, { volumeId, device: target })] as const;
  });
  const changedAt =
    vm.status?.powerState === powerState && vm.status.stateChangedAt !== undefined
      ? vm.status.stateChangedAt
      : timestampFromMs(input.nowMs);
  return create(VirtualMachineStatusSchema, {
    powerState,
    disks: Object.fromEntries(disks),
    ...(domain?.live !== undefined && observed.guest !== undefined
      ? { guestInfo: guestInfo(observed.guest, domain.live.plan) }
      : {}),
    stateChangedAt: changedAt,
    pendingChanges: [...input.pendingPaths],
    accelerator: reading?.plan.accelerator ?? '',
    restartCount: domain?.config.marks?.restarts ?? vm.status?.restartCount ?? 0,
    nodeGeneration: isDone ? vm.generation : (vm.status?.nodeGeneration ?? 0n),
    nodeMessage: [...decision.waits, ...decision.notes].join('; '),
    nodeFailed: false,
  });
}

/** The guest's facts, with its interfaces under the user's names. */
function guestInfo(facts: GuestFacts, plan: DomainPlan): GuestInfo {
  const nics = [...plan.nics].flatMap(([name, { mac }]) => {
    const seen = facts.interfaces.find((each) => each.mac === mac);
    if (seen === undefined) return [];
    const nic = create(GuestNicSchema, { name: seen.name, ipAddresses: [...seen.addresses] });
    return [[name, nic] as const];
  });
  const { agentConnected, agentVersion, hostname, os, kernel } = facts;
  return create(GuestInfoSchema, {
    agentConnected,
    agentVersion,
    hostname,
    os,
    kernel,
    nics: Object.fromEntries(nics),
  });
}

/** The power state in the contract's words. */
export function powerStateOf(domain: ObservedDomain | undefined): PowerState {
  switch (domain?.state) {
    case undefined:
      return PowerState.UNSPECIFIED;
    case DomainState.PAUSED:
    case DomainState.PMSUSPENDED:
      return PowerState.PAUSED;
    case DomainState.CRASHED:
      return PowerState.CRASHED;
    case DomainState.SHUTOFF:
      if (isSaved(domain)) return PowerState.SUSPENDED;
      return endedBadly(domain) ? PowerState.CRASHED : PowerState.STOPPED;
    default:
      return PowerState.RUNNING;
  }
}

/** Whether it is off with its memory kept; one that ended while it was being saved is not. */
function isSaved({ config, reason }: ObservedDomain): boolean {
  const { SHUTDOWN, DESTROYED, CRASHED } = ShutoffReason;
  const ended: readonly number[] = [SHUTDOWN, DESTROYED, CRASHED];
  return config.marks?.power === 'saved' && !ended.includes(reason);
}

/** Whether it ended neither on request nor by a shutdown from inside. */
function endedBadly(domain: ObservedDomain): boolean {
  return domain.config.marks?.power === 'running' && domain.reason !== ShutoffReason.SHUTDOWN;
}
