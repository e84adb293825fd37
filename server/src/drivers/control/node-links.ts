/** What the control plane's drivers need to know of the agents' streams. */
import type { ResourceKey } from '../../resource/resource.js';

/** The agents, as the server end of their streams sees them. */
export interface NodeLinks {
  /** Whether the node's agent is connected, or was less than a lease ago. */
  isConnected(nodeId: string): boolean;
  /** When the node's agent was last heard of, in milliseconds since 1970; 0 for never. */
  lastHeardMs(nodeId: string): number;
  /** Whether the node has said that nothing of a resource under deletion is left on it. */
  isRemoved(nodeId: string, key: ResourceKey): boolean;
}

/** Why a node isn't ready whose agent is not heard of. */
export const AGENT_SILENT = 'AgentSilent';
