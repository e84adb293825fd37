/** When a resource under deletion counts as gone from a node. */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { AnyResource } from '../resource/resource.js';
import { type AgentLinksParts, agentLinks, forcedPatienceMs } from './agent-links.js';

const key = { type: 'volume', id: 'v1' };
const requestedMs = 1_000_000;
const volume = create(VolumeSchema, { deletionRequestedAt: timestampFromMs(requestedMs) });

interface Facts {
  readonly isForced?: boolean;
  readonly canAsk?: boolean;
  readonly isTold?: boolean;
  readonly nowMs?: number;
  readonly hasNode?: boolean;
}

function isGone({ isForced, canAsk, isTold, nowMs, hasNode = true }: Facts): boolean {
  const parts: AgentLinksParts = {
    hub: {
      canAsk: () => canAsk === true,
      isConnected: () => true,
      lastHeardMs: () => 0,
      isRemoved: () => isTold === true,
    },
    forced: { has: (id) => isForced === true && id === key.id },
    lookup: {
      get: <T extends AnyResource>(type: string) => {
        if (type === 'volume') return volume as AnyResource as T;
        return hasNode ? (create(NodeSchema) as AnyResource as T) : undefined;
      },
    },
    clock: { nowMs: () => nowMs ?? requestedMs },
  };
  return agentLinks(parts).isRemoved('n1', key);
}

test.each<[string, Facts, boolean]>([
  ['its node said so', { canAsk: true, isTold: true }, true],
  ['its node did not say so', { canAsk: true }, false],
  ['its node can not be asked', {}, false],
  ['there is no such node', { hasNode: false }, true],
  ['it is forced and its node can not be asked', { isForced: true }, true],
  ['it is forced and its node was just asked', { isForced: true, canAsk: true }, false],
  [
    'it is forced and its node was asked for long',
    { isForced: true, canAsk: true, nowMs: requestedMs + forcedPatienceMs },
    true,
  ],
])('when %s', (_, facts, expected) => {
  expect(isGone(facts)).toBe(expected);
});
