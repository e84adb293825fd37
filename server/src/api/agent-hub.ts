/**
 * All agents' streams, as the control plane sees them: one for each node, the newest. It feeds them
 * with view changes, applies what they observe, and knows who was heard of when. It authenticates
 * nobody: who calls has found out which node it is.
 */

import { Code } from '@connectrpc/connect';
import type {
  ConnectRequest,
  ConnectResponse,
  Observation,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { fromBinary } from '@limiquantix/proto/binary/codec.js';
import type { Inspected } from '../decide/backend-object.js';
import { affectedBy, isArrival, nodesOf } from '../decide/desired.js';
import type { Log } from '../log.js';
import type { Cancel, Clock } from '../reconcile/clock.js';
import type { Lookup } from '../reconcile/driver.js';
import type { ViewChange } from '../reconcile/loop.js';
import { LimiError } from '../resource/error.js';
import { nameOf } from '../resource/key-name.js';
import type { AnyResource, AnyStatus, ResourceKey } from '../resource/resource.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import { AgentSession } from './agent-session.js';
import { notConnected, type Question } from './questions.js';
import type { NodeObservation } from './status-writer.js';

/** What a hub works with. */
export interface AgentHubOptions {
  readonly types: TypeRegistry;
  readonly lookup: Lookup;
  /** The revision up to which `lookup` is complete. */
  readonly revision: () => bigint;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes observations into the resources' status; resolves when they are stored. */
  readonly write: (nodeId: string, observations: readonly NodeObservation[]) => Promise<void>;
  /** Called when a node comes, is no longer connected, or says that a resource is removed there. */
  readonly onChange: (key: ResourceKey) => void;
  /** The W3C trace context of a resource's last change; none is known without it. */
  readonly causeOf?: ((resource: AnyResource) => string) | undefined;
  /** How often agents give a sign of life. */
  readonly heartbeatSeconds?: number;
  /** A node that isn't heard of for this long is no longer connected. */
  readonly leaseSeconds?: number;
}

const heartbeatSecondsDefault = 5;
const leaseSecondsDefault = 15;

interface NodeState {
  session: AgentSession | undefined;
  heardMs: number;
  lease: Cancel | undefined;
  /** Settles when what the node has observed so far is written, or can't be. */
  written: Promise<void>;
  /** Names of resources that the agent says are removed; bounded by those that it was told of. */
  readonly removed: Set<string>;
}

/** The agents' streams. Implements the drivers' `NodeLinks`. */
export class AgentHub {
  readonly #options: AgentHubOptions;
  readonly #heartbeatSeconds: number;
  readonly #leaseMs: number;
  readonly #nodes = new Map<string, NodeState>();

  constructor(options: AgentHubOptions) {
    this.#options = options;
    this.#heartbeatSeconds = options.heartbeatSeconds ?? heartbeatSecondsDefault;
    this.#leaseMs = (options.leaseSeconds ?? leaseSecondsDefault) * 1_000;
  }

  /** Serves the stream of a node's agent. A newer stream of the same node ends the older one. */
  async *serve(
    nodeId: string,
    requests: AsyncIterable<ConnectRequest>,
    signal: AbortSignal,
  ): AsyncGenerator<ConnectResponse> {
    const { lookup, log } = this.#options;
    if (lookup.get('node', nodeId) === undefined) throw unknownNode();
    const state = this.#state(nodeId);
    state.session?.end(replaced());
    const session = this.#session(nodeId, state);
    state.session = session;
    try {
      yield* session.serve(requests, signal);
    } finally {
      if (state.session === session) {
        state.session = undefined;
        log.info('an agent went', { nodeId });
        this.#options.onChange({ type: 'node', id: nodeId });
      }
    }
  }

  /** Follows a change of the view: tells the nodes that it concerns. */
  changed(change: ViewChange): void {
    const { lookup } = this.#options;
    this.#forgetRemoved(change);
    const live = [...this.#nodes].filter(([, { session }]) => session !== undefined);
    if (live.length === 0) return;
    const places = this.#mark(change.key, live);
    const arrives = isArrival(change, lookup);
    for (const key of affectedBy(change, lookup)) {
      // A network of a thousand ports is not looked through for each port that comes.
      const isThere = ([nodeId, { session }]: [string, NodeState]): boolean =>
        !places.has(nodeId) || session?.knows(key) === true;
      if (!arrives || !live.every(isThere)) this.#mark(key, live);
    }
  }

  /** Whether the node's agent was heard of within the lease. */
  isConnected(nodeId: string): boolean {
    const state = this.#nodes.get(nodeId);
    return state !== undefined && this.#options.clock.nowMs() < state.heardMs + this.#leaseMs;
  }

  /** Whether the node's agent has a stream on which it was heard of within the lease. */
  canAsk(nodeId: string): boolean {
    return this.isConnected(nodeId) && this.#nodes.get(nodeId)?.session !== undefined;
  }

  /** When the node's agent was last heard of, in milliseconds since 1970; 0 for never. */
  lastHeardMs(nodeId: string): number {
    return this.#nodes.get(nodeId)?.heardMs ?? 0;
  }

  /** Whether the node has said that nothing of a resource under deletion is left on it. */
  isRemoved(nodeId: string, key: ResourceKey): boolean {
    return this.#nodes.get(nodeId)?.removed.has(nameOf(key)) ?? false;
  }

  /** Asks a node's agent what its backends hold. Rejects where it does not answer in time. */
  async inspect(nodeId: string, question: Question): Promise<Inspected> {
    const session = this.#nodes.get(nodeId)?.session;
    if (session === undefined) throw notConnected();
    return session.inspect(question);
  }

  /** Ends all streams. */
  stop(): void {
    for (const state of this.#nodes.values()) {
      state.lease?.();
      state.session?.end();
    }
  }

  /** Tells the sessions that a resource changed, as far as it concerns them; gives its nodes. */
  #mark(key: ResourceKey, live: readonly [string, NodeState][]): ReadonlySet<string> {
    const { lookup } = this.#options;
    const resource = lookup.get(key.type, key.id);
    const wanted = resource === undefined ? none : nodesOf(key.type, resource, lookup);
    for (const [nodeId, { session }] of live) {
      if (wanted.has(nodeId) || session?.knows(key)) session?.mark(key, wanted.has(nodeId));
    }
    return wanted;
  }

  #state(nodeId: string): NodeState {
    let state = this.#nodes.get(nodeId);
    if (state === undefined) {
      const written = Promise.resolve();
      state = { session: undefined, heardMs: 0, lease: undefined, written, removed: new Set() };
      this.#nodes.set(nodeId, state);
    }
    return state;
  }

  #session(nodeId: string, state: NodeState): AgentSession {
    const { log } = this.#options;
    const session: AgentSession = new AgentSession({
      ...this.#options,
      nodeId,
      heartbeatSeconds: this.#heartbeatSeconds,
      onHello: ({ agentVersion }) => {
        // What was removed is said again on each stream: a node that was set up anew knows nothing
        // of it.
        state.removed.clear();
        log.info('an agent came', { nodeId, agentVersion });
        this.#heard(nodeId, state);
        this.#options.onChange({ type: 'node', id: nodeId });
      },
      onHeard: () => this.#heard(nodeId, state),
      onObservations: (items) => this.#observed(nodeId, state, items),
    });
    return session;
  }

  #heard(nodeId: string, state: NodeState): void {
    const { clock, onChange } = this.#options;
    const wasConnected = this.isConnected(nodeId);
    state.heardMs = clock.nowMs();
    if (state.lease === undefined) this.#watchLease(nodeId, state);
    if (!wasConnected) onChange({ type: 'node', id: nodeId });
  }

  #watchLease(nodeId: string, state: NodeState): void {
    const { clock, onChange } = this.#options;
    const leftMs = state.heardMs + this.#leaseMs - clock.nowMs();
    state.lease = undefined;
    if (leftMs <= 0) onChange({ type: 'node', id: nodeId });
    else state.lease = clock.after(leftMs, () => this.#watchLease(nodeId, state));
  }

  async #observed(nodeId: string, state: NodeState, items: readonly Observation[]): Promise<void> {
    const { types, lookup, onChange, write } = this.#options;
    const observations: NodeObservation[] = [];
    for (const { type, id, status, removed } of items) {
      const known = types.find(type);
      const resource = lookup.get(type, id);
      if (known === undefined || resource === undefined) continue;
      if (removed) {
        if (resource.deletionRequestedAt === undefined) continue;
        state.removed.add(nameOf({ type, id }));
        onChange({ type, id });
      } else if (nodesOf(type, resource, lookup).has(nodeId)) {
        observations.push({
          key: { type, id },
          status: fromBinary(known.status, status) as AnyStatus,
        });
      }
    }
    if (observations.length === 0) return;
    // One after the other, also those of an older stream: what was observed last is written last.
    const written = state.written.then(() => write(nodeId, observations));
    state.written = written.catch(() => undefined);
    await written;
  }

  #forgetRemoved({ key, resource }: ViewChange): void {
    if (resource !== undefined) return;
    for (const state of this.#nodes.values()) state.removed.delete(nameOf(key));
    if (key.type !== 'node') return;
    const state = this.#nodes.get(key.id);
    state?.session?.end(unknownNode());
    state?.lease?.();
    this.#nodes.delete(key.id);
  }
}

const none: ReadonlySet<string> = new Set();

function unknownNode(): LimiError {
  return new LimiError({
    code: Code.PermissionDenied,
    reason: 'NODE_UNKNOWN',
    message: 'this node was removed from the installation; join it again with a new token',
  });
}

function replaced(): LimiError {
  return new LimiError({
    code: Code.Aborted,
    reason: 'STREAM_REPLACED',
    message: 'a newer stream of the same node took the place of this one',
    retryable: true,
  });
}
