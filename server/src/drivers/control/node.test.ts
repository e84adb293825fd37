import { create } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { AgentView } from '../../agent/agent-view.js';
import { Capacity } from '../../decide/capacity.js';
import { readyOf } from '../../resource/ready.js';
import { contractTypes } from '../../resource/type-registry.js';
import { NodeControlDriver } from './node.js';

/** What is made of a node whose agent is connected or not, and told so. */
function judged(isConnected: boolean, nodeMessage: string) {
  const links = { isConnected: () => isConnected, lastHeardMs: () => 0, isRemoved: () => true };
  const driver = new NodeControlDriver(links, new Capacity());
  const node = create(NodeSchema, { id: 'n', status: { memory: { totalMib: 1n }, nodeMessage } });
  const status = driver.judge(node, new AgentView(contractTypes, () => 10_000));
  return [status?.phase, readyOf(status?.conditions)?.reason, readyOf(status?.conditions)?.message];
}

test('a node is not ready while its agent says that it cannot do its work, and says why', () => {
  expect(judged(true, '')).toEqual([NodePhase.READY, 'Ready', '']);
  const full = 'its disk is full';
  expect(judged(true, full)).toEqual([NodePhase.NOT_READY, 'AgentImpaired', full]);
  expect(judged(false, full).slice(0, 2)).toEqual([NodePhase.NOT_READY, 'AgentSilent']);
});
