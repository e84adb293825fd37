/**
 * Lists that are being read page by page: what passed the filter, in its order, at one revision. A
 * later page takes its part from here, so that it costs a page and not a list. Bounded; what is no
 * longer here is made anew from the store's history.
 */
import type { Cancel, Clock } from '../reconcile/clock.js';
import type { ViewRecord } from '../view/view-record.js';

/** A list at a revision. */
export interface Snapshot {
  readonly records: readonly ViewRecord[];
  readonly revision: bigint;
}

/** Bounds: lists, what is in them together, and how long one is kept that nobody asks for. */
const snapshotsMax = 64;
const resourcesMax = 1_000_000;
const keptMs = 60_000;

/** The lists that are being read. */
export class Snapshots {
  readonly #clock: Clock;
  /** The one that was asked for last is last. */
  readonly #kept = new Map<string, Snapshot & { readonly atMs: number }>();
  #count = 0;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The list that was kept under a name. */
  find(name: string): Snapshot | undefined {
    const found = this.#kept.get(name);
    if (found !== undefined) this.keep(name, found);
    return found;
  }

  /** Keeps a list, if it isn't too long, and forgets others. */
  keep(name: string, { records, revision }: Snapshot): void {
    this.forget(name);
    this.#kept.set(name, { records, revision, atMs: this.#clock.nowMs() });
    this.#count += records.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= snapshotsMax && this.#count <= resourcesMax) break;
      this.forget(oldest);
    }
    this.#cancel ??= this.#clock.after(keptMs, () => this.#sweep());
  }

  /** Forgets a list: its last page was read. */
  forget(name: string): void {
    this.#count -= this.#kept.get(name)?.records.length ?? 0;
    this.#kept.delete(name);
  }

  /** Forgets everything; no timer is left. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#kept.clear();
    this.#count = 0;
  }

  #sweep(): void {
    const oldMs = this.#clock.nowMs() - keptMs;
    for (const [name, { atMs }] of this.#kept) if (atMs <= oldMs) this.forget(name);
    const isUsed = this.#kept.size > 0;
    this.#cancel = isUsed ? this.#clock.after(keptMs, () => this.#sweep()) : undefined;
  }
}
