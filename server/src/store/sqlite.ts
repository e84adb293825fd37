/**
 * The store in one SQLite file, for one process at a time. Transactions that arrive together
 * are committed together, so that many writers share one flush to disk; each has its own checks and
 * its own revision, and its result comes after the flush.
 */
import { LimiError } from '../resource/error.js';
import { busy, checkTransaction, closed, compacted, listMax, pendingMax } from './bounds.js';
import {
  batchBytesMax,
  batchEventsMax,
  bytesOf,
  ChangeFeed,
  type Commit,
  type History,
} from './change-feed.js';
import { compactStep, HistoryBounds, type HistoryOptions } from './history-bounds.js';
import { SqliteDatabase } from './sqlite-database.js';
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
} from './store.js';

/** How to open the store. */
export interface SqliteStoreOptions extends HistoryOptions {
  /** The file; made where it doesn't exist. */
  readonly path: string;
  /** The clock, in milliseconds. */
  readonly nowMs: () => number;
  /** How many of the newest events are kept in memory; 8,192 without it. */
  readonly eventsKeptMax?: number | undefined;
}

/** Turns of the event loop that a flush waits for more, while each brings some. */
const gatherTurnsMax = 8;
/** Transactions in one flush. */
const groupMax = 512;

/**
 * Opens the store and takes its lock. Throws LimiError STORE_LOCKED where another process has it,
 * STORE_UNAVAILABLE where the file can't be used.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  return new SqliteStore(options);
}

interface Pending {
  readonly transaction: Transaction;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (cause: unknown) => void;
}

class SqliteStore implements Store {
  readonly #nowMs: () => number;
  readonly #database: SqliteDatabase;
  readonly #feed: ChangeFeed;
  readonly #bounds: HistoryBounds;
  #pending: Pending[] = [];
  #isFlushDue = false;
  #isClosed = false;
  #revision: number;
  #compacted: number;

  constructor(options: SqliteStoreOptions) {
    this.#nowMs = options.nowMs;
    this.#bounds = new HistoryBounds(options);
    this.#database = new SqliteDatabase(options.path);
    const meta = this.#database.readMeta();
    this.#revision = meta.revision;
    this.#compacted = meta.compacted;
    const history: History = {
      newest: () => BigInt(this.#revision),
      checkWatchable: (fromRevision) => this.#checkWatchable(fromRevision),
      replay: (page) => [this.#readHistory(page.after, page.prefix)],
    };
    this.#feed = new ChangeFeed(history, options.eventsKeptMax);
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#checkOpen();
    return this.#database.get(key);
  }

  async list(options: ListOptions): Promise<ListPage> {
    this.#checkOpen();
    const limit = Math.min(Math.max(1, options.limit), listMax);
    const revision = options.revision ?? BigInt(this.#revision);
    if (revision < this.#compacted || revision > this.#revision) throw compacted(revision);
    const isNewest = revision === BigInt(this.#revision);
    const at = isNewest ? undefined : Number(revision);
    const entries = this.#database.list({ ...options, limit: limit + 1, at });
    return { entries: entries.slice(0, limit), revision, next: entries[limit]?.key };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    this.#checkOpen();
    checkTransaction(transaction);
    if (this.#pending.length >= pendingMax) throw busy();
    return new Promise((resolve, reject) => {
      this.#pending.push({ transaction, resolve, reject });
      this.#scheduleFlush();
    });
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#feed.watch(options);
  }

  isRecent(revision: bigint): boolean {
    return this.#feed.reaches(revision);
  }

  async revision(): Promise<bigint> {
    this.#checkOpen();
    return BigInt(this.#revision);
  }

  async compact(revision: bigint): Promise<void> {
    const target = Math.min(Number(revision), this.#revision);
    while (this.#compacted < target) {
      this.#checkOpen();
      this.#compactStep(target);
      await nextTurn();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    while (this.#pending.length > 0) this.#flush();
    this.#isClosed = true;
    this.#feed.wake();
    this.#database.close();
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#gather(gatherTurnsMax, 0);
  }

  /** Flushes when a turn of the event loop has brought no more than was there before. */
  #gather(turnsLeft: number, countBefore: number): void {
    setImmediate(() => {
      const count = this.#pending.length;
      if (turnsLeft > 0 && count > countBefore && count < groupMax && !this.#isClosed) {
        this.#gather(turnsLeft - 1, count);
        return;
      }
      this.#isFlushDue = false;
      if (this.#isClosed) return;
      this.#flush();
      if (this.#pending.length > 0) this.#scheduleFlush();
      else this.#compactIfDue();
    });
  }

  #flush(): void {
    const group = this.#pending.slice(0, groupMax);
    this.#pending = this.#pending.slice(groupMax);
    const commits: Commit[] = [];
    let results: readonly CommitResult[];
    try {
      results = this.#database.transact(() => {
        const done = group.map(({ transaction }) => this.#apply(transaction, commits));
        const last = commits.at(-1);
        if (last !== undefined) this.#database.writeRevision(Number(last.revision));
        return done;
      });
    } catch (cause) {
      for (const { reject } of group) reject(cause);
      return;
    }
    this.#revision += commits.length;
    for (const { events } of commits)
      for (const event of events) this.#bounds.wrote(bytesOf(event));
    this.#feed.publish(commits);
    group.forEach(({ resolve }, i) => {
      const result = results[i];
      if (result !== undefined) resolve(result);
    });
  }

  #apply({ require, writes }: Transaction, commits: Commit[]): CommitResult {
    const failed = require.find((requirement) => !this.#database.holds(requirement));
    if (failed !== undefined) return { ok: false, failed };
    const newest = this.#revision + commits.length;
    if (writes.length === 0) return { ok: true, revision: BigInt(newest) };
    const revision = newest + 1;
    // Each key is written once, so what a requirement found absent is so until its own write.
    const absent = new Set(require.map((one) => (one.kind === 'absent' ? one.key : undefined)));
    const events: StoreEvent[] = [];
    for (const write of writes) {
      const event = this.#database.write(write, revision, absent.has(write.key));
      if (event !== undefined) events.push(event);
    }
    commits.push({ revision: BigInt(revision), events });
    return { ok: true, revision: BigInt(revision) };
  }

  #readHistory(after: bigint, prefix: string): WatchBatch {
    let bytes = 0;
    let counted = 0;
    const isEnough = (events: readonly StoreEvent[]): boolean => {
      for (const event of events.slice(counted)) bytes += bytesOf(event);
      counted = events.length;
      return counted >= batchEventsMax || bytes >= batchBytesMax;
    };
    const { events, isAll } = this.#database.changes(Number(after), prefix, isEnough);
    const last = events.at(-1);
    const revision = isAll || last === undefined ? BigInt(this.#revision) : revisionOf(last);
    return { events, revision };
  }

  #checkWatchable(fromRevision: bigint): void {
    this.#checkOpen();
    if (fromRevision < this.#compacted || fromRevision > this.#revision) {
      throw compacted(fromRevision);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }

  /** Forgets history that is too old or too long, a step at a time and only after a commit. */
  #compactIfDue(): void {
    const target = this.#bounds.target({
      revision: this.#revision,
      compacted: this.#compacted,
      atMs: this.#nowMs(),
    });
    if (target <= this.#compacted) return;
    try {
      this.#compactStep(target);
    } catch (cause) {
      // Nothing is lost by a history that is too long; whoever writes next gets the medium's error.
      if (!(cause instanceof LimiError)) throw cause;
      return;
    }
    if (target - this.#compacted >= compactStep) this.#scheduleFlush();
  }

  #compactStep(target: number): void {
    const to = Math.min(target, this.#compacted + compactStep);
    this.#database.compact(this.#compacted, to);
    this.#compacted = to;
  }
}

const revisionOf = (event: StoreEvent): bigint =>
  event.kind === 'put' ? event.entry.revision : event.revision;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
