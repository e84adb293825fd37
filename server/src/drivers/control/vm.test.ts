/** What a machine on a node is judged by is stored, so that it is asked again when that changes. */
import { create } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema, NodeStatusSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { VirtualMachinePhase, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { AgentView } from '../../agent/agent-view.js';
import { Capacity } from '../../decide/capacity.js';
import { notReady, ready } from '../../resource/ready.js';
import { contractTypes } from '../../resource/type-registry.js';
import { AGENT_SILENT } from './node-links.js';
import { VmControlDriver } from './vm.js';

const links = { isConnected: () => false, lastHeardMs: () => 0, isRemoved: () => true };
const nothing = () => Promise.resolve();
const key = { type: 'node', id: 'n1' };
const node = (isSilent: boolean) =>
  create(NodeSchema, {
    id: 'n1',
    name: 'n1',
    status: create(NodeStatusSchema, {
      phase: NodePhase.NOT_READY,
      conditions: isSilent ? notReady(AGENT_SILENT, 'silent') : ready(),
    }),
  });

test('a machine is lost once its node is told to be silent, and asked again when it is not', async () => {
  const view = new AgentView(contractTypes, () => 10_000);
  const driver = new VmControlDriver({
    ...{ capacity: new Capacity(), links, requestDeletion: nothing, disown: nothing },
  });
  const vm = create(VirtualMachineSchema, {
    ...{ id: 'vm-1', name: 'vm-1', projectId: 'default', generation: 1n },
    ...{ spec: { memory: { sizeMib: 512n } }, status: { nodeId: 'n1' } },
  });
  const phase = async () => driver.diff(vm, await driver.observe(vm, view), view).status?.phase;
  view.set({ type: 'vm', id: 'vm-1' }, vm);
  // A heartbeat is late: nothing of that is stored, and nothing will be when the next one comes.
  view.set(key, node(false));
  expect(await phase()).not.toBe(VirtualMachinePhase.LOST);
  const silent = view.set(key, node(true));
  expect(await phase()).toBe(VirtualMachinePhase.LOST);
  const heard = view.set(key, node(false));
  for (const change of [silent, heard]) {
    expect(driver.triggers(change, view)).toContainEqual({ type: 'vm', id: 'vm-1' });
  }
});
