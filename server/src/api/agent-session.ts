/**
 * The server end of one agent's stream: a snapshot of what concerns its node, then what changes of
 * it, at the pace at which the agent reads; observations and signs of life come in. It remembers a
 * digest of what the node was told, so that a change that means nothing to the node isn't sent.
 */

import { createHash } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type ConnectRequest,
  type ConnectResponse,
  ConnectResponseSchema,
  type Desired,
  type DesiredResource,
  DesiredResourceSchema,
  DesiredSchema,
  type Hello,
  type InventoryRequest,
  type Observation,
  ResourceKeySchema,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import type { Inspected } from '../decide/backend-object.js';
import { asTold, nodesOf, nodeTypes, relevantBytes } from '../decide/desired.js';
import { Bell, rest } from '../reconcile/bell.js';
import type { Cancel, Clock } from '../reconcile/clock.js';
import type { Lookup } from '../reconcile/driver.js';
import { LimiError } from '../resource/error.js';
import { nameOf } from '../resource/key-name.js';
import type { AnyResource, ResourceKey } from '../resource/resource.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import { type Question, Questions } from './questions.js';

/** What a session works with. */
export interface AgentSessionOptions {
  readonly nodeId: string;
  readonly types: TypeRegistry;
  readonly lookup: Lookup;
  /** The revision up to which `lookup` is complete. */
  readonly revision: () => bigint;
  readonly clock: Clock;
  readonly heartbeatSeconds: number;
  /** The W3C trace context of a resource's last change; none is known without it. */
  readonly causeOf?: ((resource: AnyResource) => string) | undefined;
  readonly onHello: (hello: Hello) => void;
  /** Called for every message: the node was heard of. */
  readonly onHeard: () => void;
  /** Takes observations; the next ones come when these are written. Not awaited to read on. */
  readonly onObservations: (items: readonly Observation[]) => Promise<void>;
}

/** Resources in one message of changes, at most; a snapshot has all there is. */
const changesMax = 1_000;
/** Changes that come up within this time go out together. */
const gatherMs = 5;
/** A stream that says nothing for this many heartbeats is given up. */
const silentHeartbeatsMax = 3;
const foreverMs = 3_600_000;
/** Observations that wait to be written, beyond which nothing is read: no node has as many. */
const unwrittenMax = 50_000;

/** One stream. */
export class AgentSession {
  readonly #options: AgentSessionOptions;
  readonly #bell: Bell;
  readonly #end = new AbortController();
  /** Keys whose state at the node may be old, and whether they concern it. */
  readonly #dirty = new Map<string, { readonly key: ResourceKey; readonly wanted: boolean }>();
  /** What the node was told, by key: a digest of what is relevant to it. */
  readonly #told = new Map<string, string>();
  readonly #questions: Questions;
  readonly #asks: InventoryRequest[] = [];
  /** What was observed and isn't being written yet, by key: the newest of each. */
  readonly #unwritten = new Map<string, Observation>();
  #writing: Promise<void> | undefined;
  #heardMs: number;
  #failure: unknown;
  #silence: Cancel | undefined;

  constructor(options: AgentSessionOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock);
    this.#questions = new Questions(options.clock);
    this.#heardMs = options.clock.nowMs();
  }

  /** Whether the node was told of a resource, or will be by what is marked. */
  knows(key: ResourceKey): boolean {
    return this.#dirty.get(nameOf(key))?.wanted ?? this.#told.has(nameOf(key));
  }

  /** Says that a resource changed, and whether it concerns this node now. */
  mark(key: ResourceKey, wanted: boolean): void {
    this.#dirty.set(nameOf(key), { key, wanted });
    this.#bell.ring();
  }

  /** Asks the agent; rejects with the stream's end. What the node was told goes before. */
  inspect(question: Question): Promise<Inspected> {
    const { request, answer } = this.#questions.ask(question);
    this.#asks.push(request);
    this.#bell.ring();
    return answer;
  }

  /** Ends the stream; with a failure, that is what the agent is told. */
  end(failure?: unknown): void {
    this.#failure ??= failure;
    this.#end.abort();
  }

  /** Serves the stream until either side ends it. */
  async *serve(
    requests: AsyncIterable<ConnectRequest>,
    signal: AbortSignal,
  ): AsyncGenerator<ConnectResponse> {
    const { nodeId, heartbeatSeconds, onHello } = this.#options;
    const iterator = requests[Symbol.asyncIterator]();
    const cancel = (): void => this.end();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const first = await iterator.next();
      if (first.done === true) return;
      if (first.value.message.case !== 'hello') throw noHello();
      onHello(first.value.message.value);
      yield response({ message: { case: 'welcome', value: { nodeId, heartbeatSeconds } } });
      yield response({ message: { case: 'desired', value: this.#snapshot() } });
      void this.#read(iterator);
      this.#watchSilence();
      yield* this.#changes();
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#silence?.();
      this.#end.abort();
      this.#questions.end();
    }
  }

  async #read(iterator: AsyncIterator<ConnectRequest>): Promise<void> {
    try {
      for (;;) {
        const next = await iterator.next();
        if (next.done === true || this.#end.signal.aborted) return this.end();
        this.#heardMs = this.#options.clock.nowMs();
        this.#options.onHeard();
        const { message } = next.value;
        if (message.case === 'observations') this.#write(message.value.items);
        if (this.#unwritten.size > unwrittenMax) await this.#writing;
        if (message.case === 'inventory') this.#questions.take(message.value);
      }
    } catch (error) {
      this.end(error);
    }
  }

  /**
   * Has observations written, one batch after the other. Signs of life are read meanwhile: that the
   * store hangs is no fault of the node's.
   */
  #write(items: readonly Observation[]): void {
    for (const item of items) {
      this.#unwritten.delete(nameOf(item));
      this.#unwritten.set(nameOf(item), item);
    }
    if (this.#unwritten.size > 0) this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#unwritten.size > 0 && !this.#end.signal.aborted) {
        const batch = [...this.#unwritten.values()];
        this.#unwritten.clear();
        await this.#options.onObservations(batch);
      }
    } catch (error) {
      this.end(error);
    } finally {
      // With the loop's last look at what waits: what comes after it begins anew.
      this.#writing = undefined;
    }
  }

  #watchSilence(): void {
    const { clock, heartbeatSeconds } = this.#options;
    const silentMs = silentHeartbeatsMax * heartbeatSeconds * 1_000;
    const leftMs = this.#heardMs + silentMs - clock.nowMs();
    if (leftMs <= 0) this.end(silent());
    else this.#silence = clock.after(leftMs, () => this.#watchSilence());
  }

  async *#changes(): AsyncGenerator<ConnectResponse> {
    const { clock } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      if (this.#dirty.size === 0) await this.#bell.wait(foreverMs, signal);
      await rest(clock, gatherMs, signal);
      if (signal.aborted) return;
      const desired = this.#takeChanges();
      if (desired.upserts.length + desired.removals.length > 0) {
        yield response({ message: { case: 'desired', value: desired } });
      }
      for (const value of this.#asks.splice(0)) {
        yield response({ message: { case: 'inventory', value } });
      }
    }
  }

  #snapshot(): Desired {
    const { lookup, nodeId, revision } = this.#options;
    const upserts: DesiredResource[] = [];
    for (const type of nodeTypes) {
      for (const resource of lookup.list(type)) {
        if (!nodesOf(type, resource, lookup).has(nodeId)) continue;
        const upsert = this.#tell({ type, id: resource.id }, resource);
        if (upsert !== undefined) upserts.push(upsert);
      }
    }
    return create(DesiredSchema, { snapshot: true, revision: revision(), upserts });
  }

  #takeChanges(): Desired {
    const { lookup, revision } = this.#options;
    const desired = create(DesiredSchema, { revision: revision() });
    for (const [name, { key, wanted }] of this.#dirty) {
      if (desired.upserts.length + desired.removals.length === changesMax) break;
      this.#dirty.delete(name);
      const resource = wanted ? lookup.get(key.type, key.id) : undefined;
      if (resource === undefined) {
        if (this.#told.delete(name)) desired.removals.push(create(ResourceKeySchema, key));
      } else {
        const upsert = this.#tell(key, resource);
        if (upsert !== undefined) desired.upserts.push(upsert);
      }
    }
    return desired;
  }

  /** A resource for the node, or undefined where that would tell it nothing new. */
  #tell(key: ResourceKey, stored: AnyResource): DesiredResource | undefined {
    const resource = asTold(key.type, stored);
    const { message } = this.#options.types.get(key.type);
    const bytes = relevantBytes(key.type, resource, message);
    const digest = createHash('sha256').update(bytes).digest('base64');
    if (this.#told.get(nameOf(key)) === digest) return undefined;
    this.#told.set(nameOf(key), digest);
    return create(DesiredResourceSchema, {
      type: key.type,
      resource: toBinary(message, resource),
      traceparent: this.#options.causeOf?.(stored) ?? '',
    });
  }
}

function response(init: MessageInitShape<typeof ConnectResponseSchema>): ConnectResponse {
  return create(ConnectResponseSchema, init);
}

function noHello(): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'HELLO_EXPECTED',
    message: 'the first message of an agent must be its hello',
  });
}

function silent(): LimiError {
  return new LimiError({
    code: Code.DeadlineExceeded,
    reason: 'AGENT_SILENT',
    message: 'the agent gave no sign of life',
    retryable: true,
  });
}
