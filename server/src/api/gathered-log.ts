/**
 * A log of what happened, written to the store in batches: gathered for a moment, bounded while it
 * waits, and what can't be written is counted and said. Knows nothing of what is logged.
 */
import type { Log } from '../log.js';
import type { Cancel, Clock } from '../reconcile/clock.js';

/** How a log is gathered. */
export interface GatheredLogOptions<T> {
  readonly clock: Clock;
  readonly log: Log;
  /** What is logged, for people: `audit events`. */
  readonly what: string;
  /** How long it waits for more. */
  readonly gatherMs: number;
  /** What waits at most; more of it is dropped. */
  readonly pendingMax: number;
  /** What is written in one go. */
  readonly batchMax: number;
  /** Writes a batch; called again only when it is done. */
  readonly write: (batch: readonly T[]) => Promise<void>;
}

/** What waits to be written. */
export class GatheredLog<T> {
  readonly #options: GatheredLogOptions<T>;
  #pending: T[] = [];
  #dropped = 0;
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: GatheredLogOptions<T>) {
    this.#options = options;
  }

  /** Adds something; it is written a moment later. */
  add(item: T): void {
    if (this.#pending.length >= this.#options.pendingMax) this.#dropped += 1;
    else this.#pending.push(item);
    this.#schedule();
  }

  /** Writes what waits, and ends. */
  async flush(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    await this.#writing;
    while (this.#pending.length > 0) await this.#write();
  }

  /** Ends after the batch under way; what waits is forgotten. */
  async stop(): Promise<void> {
    this.#pending = [];
    await this.flush();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = this.#options.clock.after(this.#options.gatherMs, () => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        if (this.#pending.length > 0) this.#schedule();
      });
    });
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { batchMax, log, what, write } = this.#options;
    const batch = this.#pending.splice(0, batchMax);
    try {
      await write(batch);
    } catch (err) {
      this.#dropped += batch.length;
      log.warn(`${what} could not be recorded`, { err });
    }
    if (this.#dropped === 0) return;
    log.warn(`${what} were not recorded`, { count: this.#dropped });
    this.#dropped = 0;
  }
}

/** The oldest of some that are too many, by their ids, which are made in the order of time. */
export function oldestBeyond<T extends { readonly id: string }>(
  all: readonly T[],
  countMax: number,
): readonly T[] {
  const sorted = [...all].sort((a, b) => (a.id < b.id ? -1 : 1));
  return sorted.slice(0, Math.max(0, sorted.length - countMax));
}
