/**
 * The store in an etcd cluster, for any number of servers at a time. Every commit is one etcd
 * transaction and gets etcd's revision, so revisions grow but may have gaps. One watch at etcd
 * feeds all watchers of this process; who is further behind has a watch of its own.
 */
import { LimiError } from '../../resource/error.js';
import { checkTransaction, closed, compacted, endOf, listMax } from '../bounds.js';
import { bytesOf } from '../change-feed.js';
import { HistoryBounds, type HistoryOptions } from '../history-bounds.js';
import type {
  CommitResult,
  Entry,
  ListOptions,
  ListPage,
  Store,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../store.js';
import { EtcdClient, type EtcdConnection, type Timers } from './client.js';
import { Commits, type Fence } from './commits.js';
import { isOutOfRange, isOverLimit, limitsTooLow, toLimiError } from './errors.js';
import { Follower } from './follower.js';
import { Layout, neverCreated } from './layout.js';

/** How to open the store. */
export interface EtcdStoreOptions extends EtcdConnection, HistoryOptions {
  /** Before every key of the installation, such as `limiquantix/`. */
  readonly prefix: string;
  readonly nowMs: () => number;
  readonly timers: Timers;
  /** A word that no other process has. */
  readonly writer: string;
  readonly eventsKeptMax?: number | undefined;
  /** Told when following etcd failed; it goes on by itself. */
  readonly onFailure?: (error: unknown) => void;
}

/** Keys in one answer of etcd's. */
const rangeMax = 1_000;
const compactEveryMs = 1_000;
/** What a transaction may need of etcd's limits. */
const probeCompares = 5_000;
const probeBytes = 9 * 1024 * 1024;

/** Opens the store. Throws STORE_UNAVAILABLE, STORE_LIMITS, STORE_REFUSED, STORE_FULL. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<EtcdStore> {
  const store = new EtcdStore(options);
  try {
    await store.open();
    return store;
  } catch (cause) {
    await store.close();
    throw cause;
  }
}

/** The store. */
export class EtcdStore implements Store {
  readonly client: EtcdClient;
  readonly layout: Layout;
  readonly #options: EtcdStoreOptions;
  readonly #commits: Commits;
  readonly #follower: Follower;
  readonly #bounds: HistoryBounds;
  readonly #cancels: (() => void)[] = [];
  #isClosed = false;
  #isCompacting = false;
  #reading: Promise<bigint> | undefined;
  #nextReading: Promise<bigint> | undefined;

  constructor(options: EtcdStoreOptions) {
    const { timers, prefix, writer, eventsKeptMax } = options;
    this.#options = options;
    this.client = new EtcdClient(options, timers);
    this.layout = new Layout(prefix);
    this.#commits = new Commits({ client: this.client, layout: this.layout, writer });
    this.#bounds = new HistoryBounds(options);
    this.#follower = new Follower({
      client: this.client,
      layout: this.layout,
      timers,
      eventsKeptMax,
      onFailure: (error) => this.#failed(error),
      onCommits: (commits) => {
        for (const { events } of commits) {
          for (const event of events) this.#bounds.wrote(bytesOf(event));
        }
        this.#compactIfDue().catch((error: unknown) => this.#failed(error));
      },
    });
  }

  /** Checks that etcd is as it must be, and begins to follow it. */
  async open(): Promise<void> {
    await this.#checkLimits();
    await this.#commits.open();
    await this.#writeHead();
    this.#follower.start(await this.#readHead());
    this.#every(Commits.renewMs, () => this.#commits.renew());
    this.#every(compactEveryMs, () => this.#compactIfDue());
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#checkOpen();
    const { kvs } = await this.client.repeat(({ kv }, options) =>
      kv.range({ key: this.layout.key(key) }, options),
    );
    const [found] = kvs;
    return found && { key, value: found.value, revision: found.modRevision };
  }

  async list(options: ListOptions): Promise<ListPage> {
    this.#checkOpen();
    const limit = Math.min(Math.max(1, options.limit), listMax);
    const rangeEnd = this.layout.key(endOf(options.prefix));
    const entries: Entry[] = [];
    let revision = options.revision;
    if (revision === 0n) throw compacted(revision);
    for (let from: string | undefined = options.from ?? options.prefix; from !== undefined; ) {
      const count = Math.min(rangeMax, limit + 1 - entries.length);
      const page = await this.#range({ from, rangeEnd, count, revision });
      entries.push(...page.entries);
      revision ??= page.revision;
      const last = page.entries.at(-1)?.key;
      // The first key after the last one.
      from = page.isAll || entries.length > limit || last === undefined ? undefined : `${last} `;
    }
    return {
      entries: entries.slice(0, limit),
      revision: revision ?? 0n,
      next: entries[limit]?.key,
    };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    return this.#commit(transaction, undefined);
  }

  /** The same store, whose commits fail with LEADERSHIP_LOST once the fence was written. */
  fenced(fence: Fence, onLost: () => void): Store {
    return {
      get: (key) => this.get(key),
      list: (options) => this.list(options),
      watch: (options) => this.watch(options),
      isRecent: (revision) => this.isRecent(revision),
      revision: () => this.revision(),
      compact: (revision) => this.compact(revision),
      close: () => this.close(),
      commit: async (transaction) => {
        try {
          return await this.#commit(transaction, fence);
        } catch (cause) {
          if (cause instanceof LimiError && cause.reason === 'LEADERSHIP_LOST') onLost();
          throw cause;
        }
      },
    };
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#follower.watch(options);
  }

  isRecent(revision: bigint): boolean {
    return this.#follower.reaches(revision);
  }

  /**
   * The newest commit's revision. Reads that are asked for while one is under way share the next
   * one: each begins after it was asked for.
   */
  async revision(): Promise<bigint> {
    this.#checkOpen();
    if (this.#reading === undefined) return this.#startReading();
    this.#nextReading ??= this.#reading.then(
      () => this.#startReading(),
      () => this.#startReading(),
    );
    return this.#nextReading;
  }

  async compact(revision: bigint): Promise<void> {
    this.#checkOpen();
    try {
      await this.client.repeat(({ kv }, options) =>
        kv.compact({ revision }, options).catch((cause: unknown) => {
          // It is compacted further already, or by an attempt whose answer was lost.
          if (!isOutOfRange(cause)) throw cause;
        }),
      );
    } catch (cause) {
      throw toLimiError(cause);
    }
    this.#follower.forgot(revision);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel();
    const stopped = this.#follower.stop();
    await this.#commits.close();
    this.client.close();
    await stopped;
  }

  async #commit(transaction: Transaction, fence: Fence | undefined): Promise<CommitResult> {
    this.#checkOpen();
    checkTransaction(transaction);
    const result = await this.#commits.commit(transaction, fence);
    if (result.ok) this.#follower.expect(result.revision);
    return result;
  }

  async #range(page: {
    from: string;
    rangeEnd: Uint8Array;
    count: number;
    revision: bigint | undefined;
  }) {
    const { from, rangeEnd, count, revision } = page;
    const request = {
      key: this.layout.key(from),
      rangeEnd,
      limit: BigInt(count),
      revision: revision ?? 0n,
    };
    const answer = await this.client.repeat(({ kv }, options) =>
      kv.range(request, options).catch((cause: unknown) => {
        throw isOutOfRange(cause) ? compacted(revision ?? 0n) : cause;
      }),
    );
    return {
      entries: answer.kvs.map(({ key, value, modRevision }) => ({
        key: this.layout.keyAt(key) ?? '',
        value,
        revision: modRevision,
      })),
      revision: answer.header?.revision ?? 0n,
      isAll: !answer.more,
    };
  }

  #startReading(): Promise<bigint> {
    this.#nextReading = undefined;
    const reading = this.#readHead().finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    this.#reading = reading;
    return reading;
  }

  /** Writes the head where there is none yet, so that a revision is never that of nothing. */
  async #writeHead(): Promise<void> {
    const request = { compare: [neverCreated(this.layout.head)], success: [this.layout.putHead()] };
    await this.client.repeat(({ kv }, options) => kv.txn(request, options));
  }

  async #readHead(): Promise<bigint> {
    const { kvs } = await this.client.repeat(({ kv }, options) =>
      kv.range({ key: this.layout.head, keysOnly: true }, options),
    );
    const revision = kvs[0]?.modRevision ?? 0n;
    this.#follower.expect(revision);
    return revision;
  }

  async #compactIfDue(): Promise<void> {
    if (this.#isCompacting) return;
    const target = this.#bounds.target({
      revision: Number(this.#follower.newest),
      compacted: Number(this.#follower.compacted),
      atMs: this.#options.nowMs(),
    });
    if (target <= this.#follower.compacted) return;
    this.#isCompacting = true;
    try {
      await this.compact(BigInt(target));
    } finally {
      this.#isCompacting = false;
    }
  }

  /** Does something again and again; a failure is told and tried anew. */
  #every(delayMs: number, work: () => Promise<void>): void {
    const cancels = this.#cancels;
    const at = cancels.length;
    const next = (): void => {
      cancels[at] = this.#options.timers.after(delayMs, () => {
        work()
          .catch((cause: unknown) => this.#failed(cause))
          .finally(() => {
            if (!this.#isClosed) next();
          });
      });
    };
    next();
  }

  /** A transaction of the greatest size, that changes nothing. */
  async #checkLimits(): Promise<void> {
    const compare = Array.from({ length: probeCompares }, () => neverCreated(this.layout.head));
    const value = new Uint8Array(probeBytes);
    const big = {
      key: this.layout.head,
      target: 3,
      targetUnion: { case: 'value', value } as const,
    };
    try {
      await this.client.repeat(({ kv }, options) =>
        kv.txn({ compare: [...compare, big] }, options).catch((cause: unknown) => {
          throw isOverLimit(cause) ? limitsTooLow(cause) : cause;
        }),
      );
    } catch (cause) {
      throw toLimiError(cause);
    }
  }

  #failed(error: unknown): void {
    if (!this.#isClosed) this.#options.onFailure?.(error);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}
