/** What is missing for a fleet, in numbers: why it is refused as a whole. Pure. */
import { Code } from '@connectrpc/connect';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { LimiError } from '../resource/error.js';
import { demandOf } from './candidates.js';
import type { Capacity } from './capacity.js';
import { indexOf, type MachineOf, replicasOf } from './fleet-machine.js';
import { type Demand, noDemand } from './placement.js';
import { wholeSpecOf } from './whole-spec.js';

/** Reasons that are told. */
const reasonsShownMax = 4;

/** The error for machines that find no node. */
export function refuseShortfall(shortfall: {
  readonly fleet: VmFleet;
  /** Machines that find none. */
  readonly rejected: readonly VirtualMachine[];
  /** How many new ones find one. */
  readonly placed: number;
  /** Why each node can't take the first of those that find none. */
  readonly reasons: readonly string[];
  readonly capacity: Capacity;
}): LimiError {
  const { rejected, placed, reasons, capacity } = shortfall;
  const all = placed + rejected.length;
  const missing = textOf(sumOf(rejected.map(demandOfVm)));
  const nodes = capacity.candidates().length;
  const shown = reasons.slice(0, reasonsShownMax).join('; ');
  const message = `${rejected.length} of ${all} machines find no room on ${nodes} nodes: ${missing} are missing for them, so that none is made; for the first of them: ${shown}`;
  return refusal('FLEET_DOES_NOT_FIT', message);
}

/** Throws where machines that are there would outgrow their nodes. */
export function refuseGrowth(question: {
  readonly fleet: VmFleet;
  readonly members: readonly VirtualMachine[];
  readonly machineOf: MachineOf;
  readonly capacity: Capacity;
}): void {
  const short = [...growthByNode(question)].flatMap(([nodeId, more]) => {
    const missing = missingOn(nodeId, more, question.capacity);
    return missing === undefined ? [] : [missing];
  });
  if (short.length === 0) return;
  const shown = short.slice(0, reasonsShownMax).join('; ');
  const more = short.length > reasonsShownMax ? ` and ${short.length - reasonsShownMax} more` : '';
  throw refusal('FLEET_DOES_NOT_FIT', `machines would outgrow their nodes: ${shown}${more}`);
}

/** How much more a fleet's machines will need of each node than they have, by the nodes' ids. */
export function growthByNode(question: {
  readonly fleet: VmFleet;
  readonly members: readonly VirtualMachine[];
  readonly machineOf: MachineOf;
}): ReadonlyMap<string, Demand> {
  const { fleet, members, machineOf } = question;
  const growth = new Map<string, Demand>();
  for (const vm of members) {
    const nodeId = vm.status?.nodeId ?? '';
    const index = indexOf(vm);
    if (nodeId === '' || index >= replicasOf(fleet) || vm.deletionRequestedAt !== undefined)
      continue;
    const more = difference(demandOf(machineOf(index).spec), demandOfVm(vm));
    growth.set(nodeId, sumOf([growth.get(nodeId) ?? noDemand, more]));
  }
  return growth;
}

/** What a node lacks for machines on it to grow, for people; undefined where they can. */
export function missingOn(nodeId: string, more: Demand, capacity: Capacity): string | undefined {
  const node = capacity.candidate(nodeId);
  if (node === undefined) return undefined;
  const missing = {
    vcpus: more.vcpus <= 0 ? 0 : node.used.vcpus + more.vcpus - node.capacity.vcpus,
    memoryMib:
      more.memoryMib <= 0 ? 0 : node.used.memoryMib + more.memoryMib - node.capacity.memoryMib,
  };
  if (missing.vcpus <= 0 && missing.memoryMib <= 0) return undefined;
  return `${node.name}: ${textOf(missing)} are missing`;
}

/** How much more a machine needs than another. */
export function difference(after: Demand, before: Demand): Demand {
  return { vcpus: after.vcpus - before.vcpus, memoryMib: after.memoryMib - before.memoryMib };
}

/** What a machine needs as it is. */
export function demandOfVm(vm: VirtualMachine): Demand {
  const spec = wholeSpecOf(vm);
  return spec === undefined ? noDemand : demandOf(spec);
}

/** What several need together. */
export function sumOf(demands: readonly Demand[]): Demand {
  return demands.reduce((sum, { vcpus, memoryMib }) => ({
    vcpus: sum.vcpus + vcpus,
    memoryMib: sum.memoryMib + memoryMib,
  }));
}

function textOf({ vcpus, memoryMib }: Demand): string {
  const parts = [
    ...(vcpus > 0 ? [`${vcpus} vCPUs`] : []),
    ...(memoryMib > 0 ? [`${memoryMib} MiB of memory`] : []),
  ];
  return parts.join(' and ');
}

function refusal(reason: string, message: string): LimiError {
  const violations = [{ path: 'spec.replicas', message }];
  return new LimiError({ code: Code.FailedPrecondition, reason, message, violations });
}
