/**
 * The one reconcile loop, in the control plane and in every agent: a key comes in; intent and world
 * are compared; actions are applied until nothing is left to do; the status goes out. It is
 * level-triggered: what an event said is forgotten, only its key counts, and a restart takes the
 * same path as an event.
 */
import type { Message } from '@bufbuild/protobuf';
import type { ViewChange } from '../resource/lookup.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import { noTelemetry, type Telemetry } from '../telemetry.js';
import type { Clock, Random } from './clock.js';
import type { Driver, Lookup, SupportsTriggers } from './driver.js';
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
   * Called for each failure, before the backoff: the one place where a reconciler's error is
   * logged.
   */
  readonly logFailure: (key: ResourceKey, generation: bigint, error: unknown) => void;
  /** Takes how passes end; nobody without it. */
  readonly telemetry?: Telemetry | undefined;
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

  constructor(options: LoopOptions) {
    this.#options = options;
    for (const driver of options.drivers) this.#drivers.set(driver.type, driver);
    this.#queue = new WorkQueue({
      clock: options.clock,
      random: options.random,
      concurrencyMax: options.concurrencyMax ?? concurrencyDefault,
      backoffFirstMs,
      backoffMaxMs,
      work: (key) => this.#measured(key),
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
    this.poke(change.key);
    for (const driver of this.#drivers.values()) {
      const keys = hasTriggers(driver)
        ? driver.triggers(change, this.#options.lookup)
        : this.#dependents(driver.type, change);
      for (const key of keys) this.poke(key);
    }
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
    try {
      if (resource.deletionRequestedAt !== undefined) return await this.#remove(driver, resource);
      return await this.#converge(driver, resource);
    } catch (error) {
      this.#options.logFailure(key, resource.generation, error);
      return await this.#reportFailure(resource, error);
    }
  }

  async #converge(driver: Driver, resource: AnyResource): Promise<WorkResult> {
    const { lookup, report } = this.#options;
    for (let pass = 1; ; pass += 1) {
      const observed = await driver.observe(resource, lookup);
      const difference = driver.diff(resource, observed, lookup);
      if (difference.actions.length === 0 || pass === passesMax) {
        await report({ kind: 'status', resource, status: difference.status });
        const rest = difference.actions.length === 0 ? undefined : restMs;
        return { kind: 'done', againAfterMs: rest ?? difference.againAfterMs };
      }
      for (const action of difference.actions) await driver.apply(resource, action, lookup);
    }
  }

  async #remove(driver: Driver, resource: AnyResource): Promise<WorkResult> {
    const removal = await driver.remove(resource, this.#options.lookup);
    if (removal.gone) {
      await this.#options.report({ kind: 'removed', resource });
      return { kind: 'done' };
    }
    if (removal.status !== undefined) {
      await this.#options.report({ kind: 'status', resource, status: removal.status });
    }
    return { kind: 'done', againAfterMs: removalAgainMs };
  }

  async #reportFailure(resource: AnyResource, error: unknown): Promise<WorkResult> {
    try {
      await this.#options.report({ kind: 'error', resource, error });
    } catch (reportError) {
      const key = { type: resource.$typeName, id: resource.id };
      this.#options.logFailure(key, resource.generation, reportError);
    }
    return { kind: 'failed' };
  }
}

function hasTriggers(driver: Driver): driver is Driver & SupportsTriggers {
  return 'triggers' in driver && typeof driver.triggers === 'function';
}
