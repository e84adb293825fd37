/**
 * The loop's work queue: keys that want attention, each at most once, with a bounded number in
 * work, a backoff for those that failed and timers for those that shall be looked at again. It
 * knows no driver.
 */
import { nameOf } from '../resource/key-name.js';
import type { ResourceKey } from '../resource/resource.js';
import type { Cancel, Clock, Random } from './clock.js';

/** How a queue behaves. */
export interface QueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Keys in work at once, at most. */
  readonly concurrencyMax: number;
  /** The first wait after a failure; it doubles with each further one. */
  readonly backoffFirstMs: number;
  /** The longest wait after failures. */
  readonly backoffMaxMs: number;
  /** Does the work for a key; must not throw. */
  readonly work: (key: ResourceKey) => Promise<WorkResult>;
}

/** What came of working on a key. */
export type WorkResult =
  | { readonly kind: 'done'; readonly againAfterMs?: number | undefined }
  | { readonly kind: 'failed' };

interface Slot {
  readonly key: ResourceKey;
  state: 'idle' | 'queued' | 'working' | 'working-dirty';
  failures: number;
  timer: Cancel | undefined;
  /** When the timer is due. */
  dueMs: number;
}

/** The queue. Add keys at any time; `start` lets the work begin. */
export class WorkQueue {
  readonly #options: QueueOptions;
  readonly #slots = new Map<string, Slot>();
  #ready: Slot[] = [];
  #head = 0;
  #working = 0;
  #started = false;
  #stopped = false;
  #idleWaiters: (() => void)[] = [];

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /**
   * Asks for attention to a key, now. Coalesces with an earlier ask that has not begun. A key that
   * failed waits its first backoff all the same: a failure's own report must not make it spin.
   */
  add(key: ResourceKey): void {
    if (this.#stopped) return;
    const slot = this.#slot(key);
    if (slot.state === 'working') slot.state = 'working-dirty';
    if (slot.state !== 'idle') return;
    if (slot.failures > 0) this.#later(slot, this.#options.backoffFirstMs);
    else this.#enqueue(slot);
  }

  /** Lets the work begin. */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** Begins no further work and forgets all timers; resolves when the work under way has ended. */
  async stop(): Promise<void> {
    this.#started = false;
    this.#stopped = true;
    this.#ready = [];
    this.#head = 0;
    for (const slot of this.#slots.values()) slot.timer?.();
    this.#slots.clear();
    if (this.#working > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Resolves when nothing is queued or in work; timers may be pending. */
  async idle(): Promise<void> {
    if (this.#working === 0 && this.#head >= this.#ready.length) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** How many keys wait for work: a measure of load. */
  get depth(): number {
    return this.#ready.length - this.#head;
  }

  #enqueue(slot: Slot): void {
    slot.timer?.();
    slot.timer = undefined;
    slot.state = 'queued';
    this.#ready.push(slot);
    this.#pump();
  }

  #slot(key: ResourceKey): Slot {
    const name = nameOf(key);
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = { key, state: 'idle', failures: 0, timer: undefined, dueMs: 0 };
      this.#slots.set(name, slot);
    }
    return slot;
  }

  #pump(): void {
    while (this.#started && this.#working < this.#options.concurrencyMax) {
      const slot = this.#ready[this.#head];
      if (slot === undefined) break;
      this.#head += 1;
      if (this.#head > 1024 && this.#head * 2 > this.#ready.length) {
        this.#ready = this.#ready.slice(this.#head);
        this.#head = 0;
      }
      this.#working += 1;
      slot.state = 'working';
      void this.#options.work(slot.key).then((result) => this.#finish(slot, result));
    }
  }

  #finish(slot: Slot, result: WorkResult): void {
    this.#working -= 1;
    const dirty = slot.state === 'working-dirty';
    slot.state = 'idle';
    slot.failures = result.kind === 'failed' ? slot.failures + 1 : 0;
    if (this.#started) {
      const waitMs = result.kind === 'failed' ? this.#backoffMs(slot) : result.againAfterMs;
      if (dirty) this.add(slot.key);
      else if (waitMs !== undefined) this.#later(slot, waitMs);
      else this.#slots.delete(nameOf(slot.key));
    }
    this.#pump();
    if (this.#working > 0 || this.#head < this.#ready.length) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Looks at the slot after the delay, or earlier if it is due earlier. */
  #later(slot: Slot, delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.nowMs() + delayMs;
    if (slot.timer !== undefined && slot.dueMs <= dueMs) return;
    slot.timer?.();
    slot.dueMs = dueMs;
    slot.timer = clock.after(delayMs, () => this.#enqueue(slot));
  }

  #backoffMs(slot: Slot): number {
    const { backoffFirstMs, backoffMaxMs, random } = this.#options;
    const exponent = Math.min(slot.failures - 1, 20);
    const whole = Math.min(backoffMaxMs, backoffFirstMs * 2 ** exponent);
    return Math.round(whole * (0.75 + random() / 2));
  }
}
