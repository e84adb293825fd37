/** What the control plane's drivers know of the agents: what the hub knows, and what was forced. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { AgentHub } from '../api/agent-hub.js';
import type { NodeLinks } from '../drivers/control/node-links.js';
import type { Clock } from '../reconcile/clock.js';
import type { Lookup } from '../reconcile/driver.js';

/** What the links are made of. */
export interface AgentLinksParts {
  readonly hub: Pick<AgentHub, 'canAsk' | 'isConnected' | 'lastHeardMs' | 'isRemoved'>;
  readonly forced: { has(id: string): boolean };
  readonly lookup: Pick<Lookup, 'get'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** How long a forced deletion waits for a node that can be asked, and doesn't do it. */
export const forcedPatienceMs = 30_000;

/** The links. */
export function agentLinks({ hub, forced, lookup, clock }: AgentLinksParts): NodeLinks {
  // A forced deletion asks whom it can: a record that is gone at once leaves what is on the host.
  const isGivenUp: NodeLinks['isRemoved'] = (nodeId, { type, id }) => {
    if (!forced.has(id)) return false;
    const requestedAt = lookup.get(type, id)?.deletionRequestedAt;
    const sinceMs = requestedAt === undefined ? 0 : timestampMs(requestedAt);
    return !hub.canAsk(nodeId) || clock.nowMs() >= sinceMs + forcedPatienceMs;
  };
  return {
    isConnected: (nodeId) => hub.isConnected(nodeId),
    lastHeardMs: (nodeId) => hub.lastHeardMs(nodeId),
    isRemoved: (nodeId, key) =>
      hub.isRemoved(nodeId, key) ||
      isGivenUp(nodeId, key) ||
      // A node that was removed has nothing any more that anybody could ask for.
      lookup.get('node', nodeId) === undefined,
  };
}
