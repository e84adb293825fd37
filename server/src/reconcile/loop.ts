/**
 * The one reconcile loop, in the control plane and in every agent: a key comes in; intent and world
 * are compared; actions are applied until nothing is left to do; the status goes out. It is
 * level-triggered: what an event said is forgotten, only its key counts, and a restart takes the
 * same path as an event.
 */
import type { Message } from '@bufbuild/protobuf';
import { nameOf } from '../resource/key-name.js';
import type { ViewChange } from '../resource/lookup.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import { noTelemetry, type Telemetry } from '../telemetry.js';
import { type Facts, noTracing, type Tracing } from '../tracing.js';
import { wordOfAction } from './action-word.js';
import type { Clock, Random } from './clock.js';
import { type Driver, hasTriggers, type Lookup } from './driver.js';
import type { FailureLog, Subject } from './failure-log.js';
import { WorkQueue, type WorkResult } from './queue.js';

export type { ViewChange } from '../resource/lookup.js';

/** What the loop found out about one resource. */
export type Finding =
  | { readonly kind: 'status'; readonly resource: AnyResource; readonly status: Message }
  | { readonly kind: 'removed'; readonly resource: AnyResource }
  | { readonly kind: 'error'; readonly resource: AnyResource; readonly error: unknown };

/** What a loop works with. */
export interface LoopOptions {
  readonly drivers: readonly Driver[];
  readonly lookup: Lookup;
  /** Takes what was found; awaited, so that a slow receiver slows the loop down. */
  readonly report: (finding: Finding) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Told of each failure, before the backoff, and of what is done: the one place where a
   * reconciler's work is logged.
   */
  readonly failures: Pick<FailureLog, 'acted' | 'failed'>;
  /** The W3C trace context of a resource's last change; none is known without it. */
  readonly causeOf?: ((resource: AnyResource) => string) | undefined;
  /** Takes how passes end; nobody without it. */
  readonly telemetry?: Telemetry | undefined;
  /** Records passes over resources that have a cause; nobody without it. */
  readonly tracing?: Tracing | undefined;
  /** What is told with each pass, such as the node that it runs on. */
  readonly facts?: Facts;
  /** Keys in work at once; 64 without it. */
  readonly concurrencyMax?: number;
}

/** Passes over one key in one go; a driver that is not done then is asked again after `restMs`. */
const passesMax = 16;
const restMs = 250;
const backoffFirstMs = 100;
const backoffMaxMs = 30_000;
/**
 * A removal that waits for something is asked again after this long, if nothing pokes it before.
 */
const removalAgainMs = 1_000;
const concurrencyDefault = 64;

/** The loop. Feed it view changes and pokes; it does the rest. */
export class Loop {
  readonly #options: LoopOptions;
  readonly #drivers = new Map<TypeName, Driver>();
  readonly #queue: WorkQueue;
  readonly #tracing: Tracing;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#tracing = options.tracing ?? noTracing;
    for (const driver of options.drivers) this.#drivers.set(driver.type, driver);
    this.#queue = new WorkQueue({
      clock: options.clock,
      random: options.random,
      concurrencyMax: options.concurrencyMax ?? concurrencyDefault,
      backoffFirstMs,
      backoffMaxMs,
      work: (key) => (this.#tracing.isOn ? this.#traced(key) : this.#measured(key)),
    });
  }

  /** Lets the work begin. */
  start(): void {
    this.#queue.start();
  }

  /** Ends the loop after the work under way. */
  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  /** Resolves when there is nothing to do right now. */
  async idle(): Promise<void> {
    await this.#queue.idle();
  }

  /** Asks for attention to a key. */
  poke(key: ResourceKey): void {
    if (this.#drivers.has(key.type)) this.#queue.add(key);
  }

  /** Tells the loop that its view changed: pokes the key and what depends on it. */
  changed(change: ViewChange): void {
    const keys = new Map([[nameOf(change.key), change.key]]);
    for (const driver of this.#drivers.values()) {
      const concerned = hasTriggers(driver)
        ? driver.triggers(change, this.#options.lookup)
        : this.#dependents(driver.type, change);
      for (const key of concerned) keys.set(nameOf(key), key);
    }
    // Once each: work begins with the first poke, and a second one would have it done again.
    for (const key of keys.values()) this.poke(key);
  }

  /** Keys in the queue: a measure of load. */
  get depth(): number {
    return this.#queue.depth;
  }

  /**
   * Without triggers of its own, a driver's resources depend on what they refer to and what they
   * own.
   */
  #dependents(type: TypeName, change: ViewChange): ResourceKey[] {
    if (type === change.key.type) return [];
    const keys = this.#options.lookup
      .referrers(type, change.key.id)
      .map((resource) => ({ type, id: resource.id }));
    const owner = (change.resource ?? change.previous)?.owner;
    if (owner?.type === type) keys.push({ type, id: owner.id });
    return keys;
  }

  /** Work on a key belongs to the trace of the resource's last change, and to no other. */
  async #traced(key: ResourceKey): Promise<WorkResult> {
    // The view tells a commit's changes one by one, and its audit event comes last.
    await undefined;
    const { lookup } = this.#options;
    const resource = lookup.get(key.type, key.id);
    const work = {
      name: `reconcile ${key.type}`,
      cause: resource === undefined ? '' : this.#causeOf(resource),
      isBeginning: false,
      facts: {
        'limiquantix.resource.type': key.type,
        'limiquantix.resource.id': key.id,
        'limiquantix.resource.name': resource?.name ?? '',
        ...this.#options.facts,
      },
    };
    return this.#tracing.enter(work, () => this.#measured(key));
  }

  #causeOf(resource: AnyResource): string {
    return this.#options.causeOf?.(resource) ?? '';
  }

  async #measured(key: ResourceKey): Promise<WorkResult> {
    const telemetry = this.#options.telemetry ?? noTelemetry;
    const beganMs = telemetry.nowMs();
    const result = await this.#work(key);
    const { type } = key;
    telemetry.reconciled({ type, outcome: result.kind, ms: telemetry.nowMs() - beganMs });
    return result;
  }

  async #work(key: ResourceKey): Promise<WorkResult> {
    const driver = this.#drivers.get(key.type);
    const resource = this.#options.lookup.get(key.type, key.id);
    if (driver === undefined || resource === undefined) return { kind: 'done' };
    const subject = { key, resource, cause: this.#causeOf(resource) };
    try {
      if (resource.deletionRequestedAt !== undefined) return await this.#remove(driver, resource);
      return await this.#converge(driver, subject);
    } catch (error) {
      this.#options.failures.failed(subject, error);
      return await this.#reportFailure(subject, error);
    }
  }

  async #converge(driver: Driver, subject: WorkSubject): Promise<WorkResult> {
    const { lookup, report, failures } = this.#options;
    const { resource } = subject;
    const tracing = this.#tracing;
    for (let pass = 1; ; pass += 1) {
      const observed = await tracing.within(observing, () => driver.observe(resource, lookup));
      const difference = driver.diff(resource, observed, lookup);
      if (difference.actions.length === 0 || pass === passesMax) {
        const { status } = difference;
        if (status !== undefined) await report({ kind: 'status', resource, status });
        const rest = difference.actions.length === 0 ? undefined : restMs;
        return { kind: 'done', againAfterMs: rest ?? difference.againAfterMs };
      }
      failures.acted(subject, difference.actions.map(wordOfAction));
      for (const action of difference.actions) {
        const work = { name: `apply ${wordOfAction(action)}` };
        await tracing.within(work, () => driver.apply(resource, action, lookup));
      }
    }
  }

  async #remove(driver: Driver, resource: AnyResource): Promise<WorkResult> {
    const { lookup } = this.#options;
    const removal = await this.#tracing.within(removing, () => driver.remove(resource, lookup));
    if (removal.gone) {
      await this.#options.report({ kind: 'removed', resource });
      return { kind: 'done' };
    }
    if (removal.status !== undefined) {
      await this.#options.report({ kind: 'status', resource, status: removal.status });
    }
    return { kind: 'done', againAfterMs: removalAgainMs };
  }

  async #reportFailure(subject: WorkSubject, error: unknown): Promise<WorkResult> {
    const { report, failures } = this.#options;
    try {
      await report({ kind: 'error', resource: subject.resource, error });
    } catch (reportError) {
      failures.failed(subject, reportError);
    }
    return { kind: 'failed' };
  }
}

/** What the loop works on, with the resource as a whole. */
interface WorkSubject extends Subject {
  readonly resource: AnyResource;
}

const observing = { name: 'observe' };
const removing = { name: 'remove' };
