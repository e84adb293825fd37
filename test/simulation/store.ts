/**
 * A store on a simulated medium, as one server has it open: the same behaviour as the real ones
 * (the conformance suite runs on it), with the way to the medium and back on virtual time, and
 * with what can go wrong on it.
 */
import type { Clock } from '../../server/src/reconcile/clock.js';
import { LimiError } from '../../server/src/resource/error.js';
import {
  busy,
  checkTransaction,
  closed,
  compacted,
  listMax,
  pendingMax,
} from '../../server/src/store/bounds.js';
import {
  batchBytesMax,
  batchEventsMax,
  bytesOf,
  ChangeFeed,
  type Commit,
  keyOf,
} from '../../server/src/store/change-feed.js';
import { leadershipLost, unavailable } from '../../server/src/store/etcd/errors.js';
import { compactStep, HistoryBounds } from '../../server/src/store/history-bounds.js';
import type {
  CommitResult,
  Entry,
  ListOptions,
  ListPage,
  Store,
  StoreEvent,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../server/src/store/store.js';
import type { Medium } from './medium.js';

/** How the way to the medium is. */
export interface Way {
  /** Milliseconds to the medium and back; the part before the effect, and the part after. */
  readonly delaysMs: () => readonly [there: number, back: number];
  /** What befalls a call: it never gets there, or its answer is lost; undefined for nothing. */
  readonly fault: () => 'not-there' | 'not-back' | undefined;
  /** How much later a watch hears of a commit. */
  readonly watchDelayMs: () => number;
}

/** How a store is opened. */
export interface SimulatedStoreOptions {
  readonly medium: Medium;
  readonly clock: Clock;
  readonly way?: Way;
  readonly historyRevisionsMax?: number | undefined;
  readonly eventsKeptMax?: number | undefined;
}

const straight: Way = { delaysMs: () => [0, 0], fault: () => undefined, watchDelayMs: () => 0 };

/** A store that is open. */
export class SimulatedStore implements Store {
  readonly #options: SimulatedStoreOptions;
  readonly #way: Way;
  readonly #feed: ChangeFeed;
  readonly #bounds: HistoryBounds;
  readonly #off: () => void;
  /** Commits that the watch has not heard of yet, in order. */
  #coming: Commit[] = [];
  /** Up to where the watch is. */
  #heard: bigint;
  #pending = 0;
  #isClosed = false;

  constructor(options: SimulatedStoreOptions) {
    const { medium, way = straight } = options;
    this.#options = options;
    this.#way = way;
    this.#heard = medium.revision;
    this.#bounds = new HistoryBounds(options);
    const history = {
      newest: () => this.#heard,
      checkWatchable: (from: bigint) => this.#checkWatchable(from),
      replay: ({ after, prefix }: { readonly after: bigint; readonly prefix: string }) => [
        this.#history(after, prefix),
      ],
    };
    this.#feed = new ChangeFeed(history, options.eventsKeptMax);
    this.#off = medium.onCommit((commit) => this.#hear(commit));
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#ask(() => this.#options.medium.get(key));
  }

  async list(options: ListOptions): Promise<ListPage> {
    return this.#ask(() => this.#list(options));
  }

  async commit(transaction: Transaction, isAllowed = always): Promise<CommitResult> {
    this.#checkOpen();
    checkTransaction(transaction);
    if (this.#pending >= pendingMax) throw busy();
    this.#pending += 1;
    try {
      const result = await this.#ask(() => {
        if (!isAllowed()) throw leadershipLost();
        return this.#options.medium.commit(transaction);
      });
      if (result.ok) this.#compactIfDue();
      return result;
    } finally {
      this.#pending -= 1;
    }
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#feed.watch(options);
  }

  isRecent(revision: bigint): boolean {
    return this.#feed.reaches(revision);
  }

  async revision(): Promise<bigint> {
    return this.#ask(() => this.#options.medium.revision);
  }

  async compact(revision: bigint): Promise<void> {
    await this.#ask(() => this.#options.medium.compact(revision));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#off();
    this.#feed.wake();
  }

  /** Asks the medium, and waits for the way there and back. */
  async #ask<T>(effect: () => T): Promise<T> {
    this.#checkOpen();
    const fault = this.#way.fault();
    const [thereMs, backMs] = this.#way.delaysMs();
    if (thereMs > 0) await this.#rest(thereMs);
    if (fault === 'not-there') throw unavailable('the medium was not reached');
    this.#checkOpen();
    const result = effect();
    if (backMs > 0) await this.#rest(backMs);
    if (fault === 'not-back') throw unavailable("the medium's answer was lost");
    return result;
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }

  #list(options: ListOptions): ListPage {
    const { medium } = this.#options;
    const limit = Math.min(Math.max(1, options.limit), listMax);
    const revision = options.revision ?? medium.revision;
    if (revision < medium.compacted || revision > medium.revision) throw compacted(revision);
    const from = options.from ?? '';
    const all = medium.list(options.prefix, revision).filter(({ key }) => key >= from);
    return { entries: all.slice(0, limit), revision, next: all[limit]?.key };
  }

  /** A commit comes to the watch: in order, each a moment after it was made. */
  #hear(commit: Commit): void {
    for (const event of commit.events) {
      if (event.kind === 'put') this.#bounds.wrote(event.entry.value.length);
    }
    const delayMs = this.#way.watchDelayMs();
    this.#coming.push(commit);
    if (delayMs === 0 && this.#coming.length === 1) this.#publish(commit.revision);
    else this.#options.clock.after(delayMs, () => this.#publish(commit.revision));
  }

  /** Tells the watchers all that came up to a revision. */
  #publish(revision: bigint): void {
    if (this.#isClosed) return;
    const due = this.#coming.filter((one) => one.revision <= revision);
    if (due.length === 0) return;
    this.#coming = this.#coming.slice(due.length);
    this.#heard = due.at(-1)?.revision ?? this.#heard;
    this.#feed.publish(due);
  }

  /** Whole commits after a revision, until they are enough for a batch. */
  #history(after: bigint, prefix: string): WatchBatch {
    const events: StoreEvent[] = [];
    let bytes = 0;
    for (const commit of this.#options.medium.commits) {
      if (commit.revision <= after || commit.revision > this.#heard) continue;
      if (events.length >= batchEventsMax || bytes >= batchBytesMax) {
        return { events, revision: commit.revision - 1n };
      }
      for (const event of commit.events.filter((one) => keyOf(one).startsWith(prefix))) {
        events.push(event);
        bytes += bytesOf(event);
      }
    }
    return { events, revision: this.#heard };
  }

  #checkWatchable(fromRevision: bigint): void {
    this.#checkOpen();
    const { medium } = this.#options;
    if (fromRevision < medium.compacted || fromRevision > medium.revision) {
      throw compacted(fromRevision);
    }
  }

  #compactIfDue(): void {
    const { medium, clock } = this.#options;
    const [revision, before] = [Number(medium.revision), Number(medium.compacted)];
    const target = this.#bounds.target({ revision, compacted: before, atMs: clock.nowMs() });
    if (target > before) medium.compact(BigInt(Math.min(target, before + compactStep)));
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}

const always = (): boolean => true;

/** The same store for a server that leads: its commits fail once another one does. */
export function fencedStore(
  store: SimulatedStore,
  isAllowed: () => boolean,
  onLost: () => void,
): Store {
  return {
    get: (key) => store.get(key),
    list: (options) => store.list(options),
    watch: (options) => store.watch(options),
    isRecent: (revision) => store.isRecent(revision),
    revision: () => store.revision(),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
    async commit(transaction) {
      try {
        return await store.commit(transaction, isAllowed);
      } catch (cause) {
        if (cause instanceof LimiError && cause.reason === 'LEADERSHIP_LOST') onLost();
        throw cause;
      }
    },
  };
}
