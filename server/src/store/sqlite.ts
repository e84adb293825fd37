/**
 * The store in one SQLite file, for one process at a time. Transactions that arrive in the same
 * turn of the event loop are committed together, so that many writers share one flush to disk; each
 * has its own checks and its own revision, and its result comes after the flush.
 */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import {
  batchBytesMax,
  batchEventsMax,
  bytesOf,
  ChangeFeed,
  type Commit,
  type History,
} from './change-feed.js';
import { checkKey, SqliteDatabase } from './sqlite-database.js';
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
export interface SqliteStoreOptions {
  /** The file; made where it doesn't exist. */
  readonly path: string;
  /** The clock, in milliseconds. */
  readonly nowMs: () => number;
  /** How many revisions of history are kept at most; 100,000 without it. */
  readonly historyRevisionsMax?: number;
  /** How long history is kept at most; one hour without it. */
  readonly historyMsMax?: number;
  /** How many revisions of history are kept however old they are; 1,000 without it. */
  readonly historyRevisionsMin?: number;
  /** How many bytes history has at most, counted since it was opened; 1 GiB without it. */
  readonly historyBytesMax?: number;
  /** How many of the newest events are kept in memory; 8,192 without it. */
  readonly eventsKeptMax?: number | undefined;
}

/** Transactions in one flush; commits that wait for one; bounds of one transaction. */
const groupMax = 512;
const pendingMax = 8192;
const transactionWritesMax = 4096;
const valueBytesMax = 8 * 1024 * 1024;
const listMax = 10_000;
/** Revisions that are compacted in one go, and the distance between two notes of the time. */
const compactStep = 1000;
/** Into how many parts the bytes of history are divided, of which the oldest is forgotten. */
const bytesNotes = 16;

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
  readonly #options: Required<Omit<SqliteStoreOptions, 'eventsKeptMax'>>;
  readonly #database: SqliteDatabase;
  readonly #feed: ChangeFeed;
  readonly #times: { readonly revision: number; readonly atMs: number; readonly bytes: number }[] =
    [];
  /** What was written since the store was opened. */
  #bytes = 0;
  #pending: Pending[] = [];
  #isFlushDue = false;
  #isClosed = false;
  #revision: number;
  #compacted: number;

  constructor(options: SqliteStoreOptions) {
    this.#options = {
      historyRevisionsMax: 100_000,
      historyMsMax: 60 * 60 * 1000,
      historyRevisionsMin: 1000,
      historyBytesMax: 1024 ** 3,
      ...options,
    };
    this.#database = new SqliteDatabase(options.path);
    const meta = this.#database.readMeta();
    this.#revision = meta.revision;
    this.#compacted = meta.compacted;
    const history: History = {
      newest: () => BigInt(this.#revision),
      checkWatchable: (fromRevision) => this.#checkWatchable(fromRevision),
      read: (page) => this.#readHistory(page.after, page.prefix),
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
    setImmediate(() => {
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
    for (const { events } of commits) for (const event of events) this.#bytes += bytesOf(event);
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
    const events: StoreEvent[] = [];
    for (const write of writes) {
      const event = this.#database.write(write, revision);
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
    const target = this.#targetOfCompaction();
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

  /** The revision up to which history is too old, too long or too big. */
  #targetOfCompaction(): number {
    const { historyBytesMax, historyMsMax, historyRevisionsMax, historyRevisionsMin } =
      this.#options;
    const atMs = this.#options.nowMs();
    const last = this.#times.at(-1);
    const isDue =
      last === undefined ||
      this.#revision - last.revision >= compactStep ||
      this.#bytes - last.bytes >= historyBytesMax / bytesNotes;
    if (isDue) this.#times.push({ revision: this.#revision, atMs, bytes: this.#bytes });
    // One revision at a time would be a transaction for each commit.
    const long = this.#revision - historyRevisionsMax;
    const isLong = long - this.#compacted >= Math.min(compactStep, historyRevisionsMax);
    let target = isLong ? long : this.#compacted;
    for (let first = this.#times[0]; first !== undefined; first = this.#times[0]) {
      const isBig = this.#bytes - first.bytes > historyBytesMax;
      const isOld =
        first.atMs < atMs - historyMsMax && first.revision <= this.#revision - historyRevisionsMin;
      if (!isBig && !isOld) break;
      target = Math.max(target, first.revision);
      this.#times.shift();
    }
    return target;
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

function checkTransaction({ writes }: Transaction): void {
  const keys = new Set<string>();
  for (const write of writes) {
    checkKey(write.key);
    keys.add(write.key);
    if (write.kind === 'put' && write.value.length > valueBytesMax) throw tooBig(write.key);
  }
  if (keys.size !== writes.length || writes.length > transactionWritesMax) {
    throw new LimiError({
      code: Code.Internal,
      reason: 'STORE_TRANSACTION_INVALID',
      message: `a transaction of ${writes.length} writes on ${keys.size} keys can't be committed; write each key once, at most ${transactionWritesMax}`,
    });
  }
}

const tooBig = (key: string): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'TOO_BIG',
    message: `the resource is bigger than ${valueBytesMax} bytes; make its documents smaller`,
    detail: key,
  });

const busy = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'STORE_BUSY',
    message: `${pendingMax} commits are waiting already; try again with fewer requests at a time`,
    retryable: true,
  });

const closed = (): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'STORE_UNAVAILABLE',
    message: 'the store is closed: the server is stopping; try again',
    retryable: true,
  });

const compacted = (revision: bigint): LimiError =>
  new LimiError({
    code: Code.OutOfRange,
    reason: 'COMPACTED',
    message: `the store no longer has revision ${revision}; list anew and go on from that list's revision`,
  });
