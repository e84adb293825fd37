/**
 * One watch for each resource type, shared by everything that waits for a resource of the type. It
 * goes on from where it was after a broken connection, so no change is missed; where the server no
 * longer has the changes since then, a list takes their place.
 */
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { ApiError } from '../engine/api.js';
import type { AnyResource } from '../engine/fields.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { answerFields, type Caller, standardMethod } from './calls.js';
import { isTransient } from './error-map.js';
import { listResources } from './lister.js';
import type { Timers } from './timers.js';

/** What a watcher needs from outside. */
export interface WatcherOptions {
  readonly caller: Caller;
  readonly shape: ResourceShape;
  readonly stopping: AbortSignal;
  /** Waits; rejects when the provider stops. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly timers: Timers;
  /** Reads one resource, for a wait that begins after its change went by. */
  readonly get: (id: string) => Promise<AnyResource | undefined>;
}

/**
 * Told of each change of one resource; `undefined` when it is gone. Returns whether it has seen
 * enough.
 */
export type Observer = (resource: AnyResource | undefined) => boolean;

interface Subscription {
  readonly observe: Observer;
  readonly fail: (error: unknown) => void;
}

/** How long a watch stays open while nobody waits; the next one to wait goes on with it. */
const idleMs = 5_000;
const backoffMinMs = 100;
const backoffMaxMs = 5_000;
const listPagesMax = 100;

/** Watches one type. */
export class Watcher {
  private readonly subscriptions = new Map<string, Set<Subscription>>();
  private position: bigint | undefined;
  private isRunning = false;
  private cancelIdle = (): void => undefined;
  private endStream: () => void = () => undefined;

  constructor(private readonly options: WatcherOptions) {}

  /**
   * Tells the changes of a resource after `revision`, until the observer has seen enough. Returns a
   * function that ends it before. `fail` is called if the server refuses to be watched.
   */
  observe(
    question: { readonly id: string; readonly revision: bigint },
    observer: Observer,
    fail: (error: unknown) => void,
  ): () => void {
    const { id, revision } = question;
    const subscription: Subscription = { observe: observer, fail };
    this.cancelIdle();
    const ofId = this.subscriptions.get(id) ?? new Set();
    ofId.add(subscription);
    this.subscriptions.set(id, ofId);
    if (this.position === undefined) this.position = revision;
    // Events up to here were already told to others and are not told again.
    else if (this.position > revision) this.catchUp(id, subscription);
    if (!this.isRunning) {
      this.isRunning = true;
      this.run().catch((error: unknown) => this.failAll(error));
    }
    return () => this.drop(id, subscription);
  }

  private catchUp(id: string, subscription: Subscription): void {
    this.options.get(id).then(
      (resource) => this.tell(id, subscription, resource),
      (error: unknown) => subscription.fail(error),
    );
  }

  /** Watches as long as anybody waits. */
  private async run(): Promise<void> {
    let failures = 0;
    while (this.subscriptions.size > 0 && !this.options.stopping.aborted) {
      let retryAfterMs = 0;
      try {
        for await (const _ of this.events()) failures = 0;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (this.options.stopping.aborted) break;
        retryAfterMs = error.retryAfterMs ?? 0;
        if (error.reason === 'COMPACTED') await this.relist();
        else if (!mayReconnect(error)) throw error;
      }
      if (this.subscriptions.size === 0) break;
      failures += 1;
      const backoffMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** (failures - 1));
      await this.options.sleep(Math.max(backoffMs, retryAfterMs));
    }
    this.isRunning = false;
    this.position = undefined;
  }

  /** One connection's events, told as they come; ends when nobody waits any more. */
  private async *events(): AsyncIterable<void> {
    const { caller, shape, stopping } = this.options;
    const method = standardMethod(shape, 'Watch');
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, stopping]);
    this.endStream = () => ended.abort();
    try {
      const request = { fromRevision: this.position ?? 0n };
      for await (const answer of caller.stream(method, request, signal)) {
        const { eventType, resource, revision } = answerFields(shape, method, answer);
        if (resource !== undefined) {
          this.tellAll(resource.id, eventType === EventType.DELETED ? undefined : resource);
        }
        if (revision > (this.position ?? 0n)) this.position = revision;
        yield;
      }
    } finally {
      ended.abort();
    }
  }

  /** Takes the place of the events that the server no longer has. */
  private async relist(): Promise<void> {
    const { caller, shape } = this.options;
    const { resources, revision, isComplete } = await listResources(caller, shape, {
      pagesMax: listPagesMax,
    });
    const byId = new Map(resources.map((resource) => [resource.id, resource]));
    this.position = revision;
    for (const id of [...this.subscriptions.keys()]) {
      const resource = byId.get(id);
      if (resource !== undefined || isComplete) this.tellAll(id, resource);
      else this.tellAll(id, await this.options.get(id));
    }
  }

  private tellAll(id: string, resource: AnyResource | undefined): void {
    for (const subscription of [...(this.subscriptions.get(id) ?? [])]) {
      this.tell(id, subscription, resource);
    }
  }

  private tell(id: string, subscription: Subscription, resource: AnyResource | undefined): void {
    if (this.subscriptions.get(id)?.has(subscription) !== true) return;
    if (subscription.observe(resource)) this.drop(id, subscription);
  }

  private drop(id: string, subscription: Subscription): void {
    const ofId = this.subscriptions.get(id);
    ofId?.delete(subscription);
    if (ofId?.size === 0) this.subscriptions.delete(id);
    if (this.subscriptions.size > 0) return;
    this.cancelIdle();
    this.cancelIdle = this.options.timers.after(idleMs, () => this.endStream());
  }

  private failAll(error: unknown): void {
    this.isRunning = false;
    this.position = undefined;
    const all = [...this.subscriptions.values()].flatMap((ofId) => [...ofId]);
    this.subscriptions.clear();
    for (const subscription of all) subscription.fail(error);
  }
}

/** Whether the same watch may succeed a moment later; a broken connection has no one code. */
function mayReconnect(error: ApiError): boolean {
  return isTransient(error) || error.code === 'canceled' || error.code === 'unknown';
}
