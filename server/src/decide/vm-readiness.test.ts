/** When a machine whose guest is off counts as being as wanted. */
import { create } from '@bufbuild/protobuf';
import {
  VirtualMachinePhase as Phase,
  PowerState,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { isReady } from '../resource/conditions.js';
import type { Lookup } from '../resource/lookup.js';
import { judgeVm } from './vm-readiness.js';

const { CRASHED, PAUSED, RUNNING, STOPPED, SUSPENDED } = PowerState;
const nothing: Lookup = { get: () => undefined, list: () => [], referrers: () => [] } as never;

/** What is judged of a machine that shall be in one power state and is in another. */
function judged(wanted: PowerState, powerState: PowerState) {
  const spec = { powerState: wanted, cpu: { cores: 1 }, memory: { sizeMib: 256n } };
  const status = { nodeId: 'n1', nodeGeneration: 1n, powerState };
  const vm = create(VirtualMachineSchema, { id: 'v1', generation: 1n, spec, status });
  if (vm.status === undefined) throw new Error('the machine has a status');
  const evidence = { status: vm.status, lookup: nothing, nodeConnected: true };
  const { conditions, phase } = judgeVm(vm, evidence);
  vm.status.conditions = conditions;
  vm.status.observedGeneration = 1n;
  return { ready: isReady(vm), phase };
}

test.each([
  ['stopped', STOPPED, STOPPED, true, Phase.STOPPED],
  ['stopped, after its guest ended by itself', STOPPED, CRASHED, true, Phase.STOPPED],
  ['stopped, and still running', STOPPED, RUNNING, false, Phase.PROVISIONING],
  ['suspended', SUSPENDED, SUSPENDED, true, Phase.SUSPENDED],
  ['suspended, with no memory to save', SUSPENDED, CRASHED, true, Phase.STOPPED],
  ['paused, after its guest ended by itself', PAUSED, CRASHED, false, Phase.PROVISIONING],
  ['running, after its guest ended by itself', RUNNING, CRASHED, false, Phase.CRASHED],
])('%s', (_, wanted, is, ready, phase) => {
  expect(judged(wanted, is)).toEqual({ ready, phase });
});
