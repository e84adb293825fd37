/**
 * The agent of one host: it takes the desired state from the control plane (or, without one, from
 * its own disk), runs the reconcile loop over it with the host's drivers, and tells what it
 * observed. It decides nothing that the control plane decides; everything it touches comes in by
 * its options.
 */

import { create } from '@bufbuild/protobuf';
import type { Desired, InventoryReport } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import type { Log } from '../log.js';
import { rest } from '../reconcile/bell.js';
import type { Clock, Random } from '../reconcile/clock.js';
import type { Driver, Lookup, Poke } from '../reconcile/driver.js';
import { FailureLog } from '../reconcile/failure-log.js';
import { type Finding, Loop } from '../reconcile/loop.js';
import { LimiError } from '../resource/error.js';
import { nameOf } from '../resource/key-name.js';
import { mergeStatus } from '../resource/merge-status.js';
import type { AnyResource, AnyStatus, ResourceKey } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';
import type { Tracing } from '../tracing.js';
import { causeLastsMs } from '../view/causes.js';
import { AgentView } from './agent-view.js';
import { Connection, type OpenStream } from './connection.js';
import { Inspector } from './inspector.js';
import { failureStatus, nodePart } from './observation.js';
import { Outbox } from './outbox.js';
import type { Replica } from './replica.js';
import { StraySweeper } from './strays.js';

/** What a driver gets to know of the agent that it works for. */
export interface DriverContext {
  readonly nodeId: string;
  readonly poke: Poke;
  readonly lookup: Lookup;
  /** Why the agent can't do its work, for people; empty when it can. */
  readonly fault: () => string;
}

/** What an agent works with. */
export interface AgentOptions {
  readonly nodeId: string;
  readonly types: TypeRegistry;
  /** The desired state on disk. The agent closes it. */
  readonly replica: Replica;
  readonly open: OpenStream;
  /** Makes the host's drivers. */
  readonly drivers: (context: DriverContext) => readonly Driver[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly agentVersion: string;
  /** A random word of this start of the agent. */
  readonly session: string;
  /** Records the loop's passes; nobody without it. */
  readonly tracing?: Tracing | undefined;
}

interface Cause {
  readonly traceparent: string;
  readonly untilMs: number;
}

/** Where what is desired could not be written to disk, that is tried again after this long. */
const writeAgainMs = 1_000;

/** An agent. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #view: AgentView;
  readonly #loop: Loop;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #sweeper: StraySweeper;
  readonly #inspector: Inspector;
  readonly #failures: FailureLog;
  /** The newest observation of each resource, by its key; bounded by the desired state. */
  readonly #observed = new Map<string, AnyStatus>();
  /** The traces of the changes that are being brought about; bounded as well. */
  readonly #causes = new Map<string, Cause>();
  /** Why what is desired can't be written to disk; empty when it can. */
  #fault = '';

  constructor(options: AgentOptions) {
    this.#options = options;
    const { clock, random, log, types } = options;
    this.#view = new AgentView(types, () => clock.nowMs());
    this.#failures = new FailureLog(log, this.#view);
    const lookup = this.#view;
    const poke: Poke = (key) => this.#loop.poke(key);
    const fault = (): string => this.#fault;
    const drivers = options.drivers({ nodeId: options.nodeId, poke, lookup, fault });
    this.#loop = new Loop({
      drivers,
      lookup,
      clock,
      random,
      report: (finding) => this.#report(finding),
      failures: this.#failures,
      causeOf: (resource) => this.#causeOf(resource),
      tracing: options.tracing,
      facts: { 'limiquantix.node.id': options.nodeId },
    });
    this.#outbox = new Outbox(() => this.#connection.notify());
    this.#connection = new Connection({
      ...options,
      outbox: this.#outbox,
      onDesired: (desired, signal) => this.#take(desired, signal),
      onInventory: (request) => this.#inspector.ask(request),
    });
    const send = (report: InventoryReport): void => this.#outbox.report(report);
    this.#inspector = new Inspector({ drivers, lookup, poke, send });
    this.#sweeper = new StraySweeper({ drivers, lookup, clock, log });
  }

  /** Begins with what is on disk, and dials the control plane. */
  start(): void {
    const { replica } = this.#options;
    for (const { key, resource } of replica.entries()) this.#upsert(key.type, resource);
    if (replica.isKnown) this.#sweeper.ask();
    this.#loop.start();
    this.#connection.start();
  }

  /** Ends everything after the work under way. What runs on the host goes on. */
  async stop(): Promise<void> {
    await this.#connection.stop();
    await this.#inspector.stop();
    await this.#sweeper.stop();
    await this.#loop.stop();
    await this.#options.replica.close();
  }

  /** Whether the control plane has answered on the present stream. */
  get isConnected(): boolean {
    return this.#connection.isWelcomed;
  }

  /** What the agent knows, its own observations included. */
  get lookup(): Lookup {
    return this.#view;
  }

  /** Asks for attention to a resource. */
  poke(key: ResourceKey): void {
    this.#loop.poke(key);
  }

  async #take(desired: Desired, signal: AbortSignal): Promise<void> {
    const left = await this.#writeDown(desired, signal);
    for (const { type, resource, traceparent } of desired.upserts) {
      this.#upsert(type, resource, traceparent);
    }
    for (const key of left) this.#drop(key);
    if (desired.snapshot || left.length > 0) this.#sweeper.ask();
  }

  /**
   * Writes a change down, again and again where the disk refuses it: the stream stays, so that the
   * control plane is told why nothing changes here. Gives the keys that left.
   */
  async #writeDown(desired: Desired, signal: AbortSignal): Promise<readonly ResourceKey[]> {
    const { replica, clock, log } = this.#options;
    for (;;) {
      try {
        const left = await replica.apply(desired);
        this.#setFault('');
        return left;
      } catch (error) {
        if (error instanceof LimiError || signal.aborted) throw error;
        if (this.#fault === '') log.error('cannot write down what is desired', { err: error });
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
        this.#setFault(
          `its agent can't write to its disk what is desired of it (${code}), and nothing changes there until it can; see to its data directory`,
        );
        await rest(clock, writeAgainMs, signal);
      }
    }
  }

  #setFault(fault: string): void {
    if (this.#fault === fault) return;
    this.#fault = fault;
    this.#loop.poke({ type: 'node', id: this.#options.nodeId });
  }

  #upsert(typeName: string, bytes: Uint8Array, traceparent = ''): void {
    const type = this.#options.types.find(typeName);
    // A newer control plane may have types that this agent has no driver for.
    if (type === undefined) return;
    const resource = fromBinary(type.message, bytes) as AnyResource;
    const observed = this.#observed.get(nameOf({ type: typeName, id: resource.id }));
    if (observed !== undefined) resource.status = this.#merge(type, resource, observed);
    const untilMs = this.#options.clock.nowMs() + causeLastsMs;
    if (traceparent !== '') this.#causes.set(resource.id, { traceparent, untilMs });
    else this.#causes.delete(resource.id);
    this.#put(type, resource);
  }

  /** The trace of a resource's last change; empty where it had none, or long ago. */
  #causeOf({ id }: AnyResource): string {
    const cause = this.#causes.get(id);
    if (cause === undefined || this.#options.clock.nowMs() < cause.untilMs) {
      return cause?.traceparent ?? '';
    }
    this.#causes.delete(id);
    return '';
  }

  #drop(key: ResourceKey): void {
    this.#observed.delete(nameOf(key));
    this.#causes.delete(key.id);
    this.#outbox.forget(key);
    this.#loop.changed(this.#view.set(key, undefined));
  }

  #put(type: ResourceType, resource: AnyResource): void {
    this.#loop.changed(this.#view.set({ type: type.type, id: resource.id }, resource));
  }

  async #report(finding: Finding): Promise<void> {
    const type = this.#options.types.findByMessage(finding.resource.$typeName);
    if (type === undefined) return;
    const key = { type: type.type, id: finding.resource.id };
    if (finding.kind !== 'error') this.#failures.recovered(key);
    const resource = this.#view.get(key.type, key.id);
    // It left the desired state while the loop worked on it.
    if (resource === undefined) return;
    const last = this.#observed.get(nameOf(key)) ?? resource.status;
    const observed = this.#observation(type, finding, last);
    this.#observed.set(nameOf(key), observed);
    const removed = finding.kind === 'removed';
    this.#outbox.put(key, { status: toBinary(type.status, observed), removed });
    const merged = this.#merge(type, resource, observed);
    if (merged === resource.status) return;
    this.#put(type, { ...resource, status: merged });
  }

  #observation(type: ResourceType, finding: Finding, last: AnyStatus | undefined): AnyStatus {
    const { nodeId } = this.#options;
    if (finding.kind === 'status') return nodePart(type, finding.status as AnyStatus, nodeId);
    if (finding.kind === 'removed') return create(type.status) as AnyStatus;
    return failureStatus(type, { last, error: finding.error, nodeId });
  }

  #merge(type: ResourceType, resource: AnyResource, observed: AnyStatus): AnyStatus {
    const current = resource.status ?? (create(type.status) as AnyStatus);
    const { nodeId, clock } = this.#options;
    return mergeStatus(type, { current, observed, nodeId, nowMs: clock.nowMs() });
  }
}
