/** What a fleet's machines take of quotas when they are as the fleet wants them. Pure. */
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine, VirtualMachineSpec } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { indexOf, type MachineOf, replicasOf } from './fleet-machine.js';
import { type Amounts, plus, wholeMachineTakes } from './quota.js';
import { wholeSpecOf } from './whole-spec.js';

/**
 * How much more the machines that are there will take than they do, once they are as wanted and
 * those are gone that are too many. It is judged and not kept: each counts as it changes.
 */
export function growthOf(question: {
  readonly fleet: VmFleet;
  readonly members: readonly VirtualMachine[];
  readonly machineOf: MachineOf;
}): Amounts {
  const { fleet, members, machineOf } = question;
  const replicas = replicasOf(fleet);
  const known = new Map<VirtualMachineSpec, Amounts>();
  const takes = (spec: VirtualMachineSpec): Amounts => {
    const amounts = known.get(spec) ?? wholeMachineTakes(spec);
    known.set(spec, amounts);
    return amounts;
  };
  let growth: Amounts = new Map();
  for (const vm of members) {
    const index = indexOf(vm);
    const spec = wholeSpecOf(vm);
    if (index < replicas) growth = plus(growth, takes(machineOf(index).spec));
    if (spec !== undefined) growth = plus(growth, wholeMachineTakes(spec), -1n);
  }
  return growth;
}
