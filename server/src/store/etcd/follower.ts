/**
 * Follows etcd for one process: one watch feeds the changes in memory that all watchers of the
 * process read from; who is further behind than memory reaches has a watch of its own. When the
 * stream ends or falls behind, it goes on at another member, where it was.
 */
import { LimiError } from '../../resource/error.js';
import { closed, compacted } from '../bounds.js';
import {
  batchBytesMax,
  batchEventsMax,
  bytesOf,
  ChangeFeed,
  type Commit,
  keyOf,
} from '../change-feed.js';
import type { StoreEvent, WatchBatch, WatchOptions } from '../store.js';
import { changesAfter, checkReadable } from './changes.js';
import type { EtcdClient, Timers } from './client.js';
import type { Layout } from './layout.js';

/** What a follower works with. */
export interface FollowerOptions {
  readonly client: EtcdClient;
  readonly layout: Layout;
  readonly timers: Timers;
  readonly eventsKeptMax: number | undefined;
  /** Told of what was committed by anybody. */
  readonly onCommits: (commits: readonly Commit[]) => void;
  /** Told when following failed; it goes on by itself. */
  readonly onFailure: (error: unknown) => void;
}

/** Between two attempts to follow etcd. */
const restMs = 100;
/** How far the watch may be behind what is known to be there, before another member is asked. */
const behindMs = 1_500;

/** Follows the commits of everybody. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #feed: ChangeFeed;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;
  #newest = 0n;
  #compacted = 0n;
  #behind: (() => void) | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#feed = new ChangeFeed(
      {
        newest: () => this.#newest,
        checkWatchable: (from) => this.#checkWatchable(from),
        replay: (page) => this.#replay(page),
      },
      options.eventsKeptMax,
    );
  }

  /** Begins to follow, after a revision. */
  start(after: bigint): void {
    this.#newest = after;
    this.#following = this.#follow();
  }

  /** Ends all watchers; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#behind?.();
    this.#feed.wake();
    await this.#following;
  }

  /** The revision up to which memory is complete. */
  get newest(): bigint {
    return this.#newest;
  }

  /** The revision before which history is known to be gone. */
  get compacted(): bigint {
    return this.#compacted;
  }

  /** Notes that history before a revision is gone. */
  forgot(revision: bigint): void {
    if (revision > this.#compacted) this.#compacted = revision;
  }

  /** Whether what comes after a revision is in memory. */
  reaches(revision: bigint): boolean {
    return this.#feed.reaches(revision);
  }

  /** As `Store.watch`. */
  async *watch(options: WatchOptions): AsyncGenerator<WatchBatch> {
    const { client, layout } = this.#options;
    // A revision of the future is one of another store, or of this one before it was restored.
    if (options.fromRevision > this.#newest) {
      await checkReadable(client, layout, options.fromRevision);
    }
    yield* this.#feed.watch(options);
  }

  /** Takes another member where the watch doesn't tell in time what is known to be there. */
  expect(revision: bigint): void {
    if (revision <= this.#newest || this.#behind !== undefined || this.#following === undefined) {
      return;
    }
    this.#behind = this.#options.timers.after(behindMs, () => {
      this.#behind = undefined;
      if (this.#newest < revision && !this.#stop.signal.aborted) this.#options.client.rotate();
    });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { client, layout } = this.#options;
      const parts = { client, layout };
      try {
        const changes = changesAfter({ ...parts, after: this.#newest, signal });
        for await (const commits of changes) this.#publish(commits);
      } catch (cause) {
        if (signal.aborted) return;
        if (cause instanceof LimiError && cause.reason === 'COMPACTED') await this.#reset();
        else this.#options.onFailure(cause);
        await client.rest(restMs);
      }
    }
  }

  #publish(commits: readonly Commit[]): void {
    this.#newest = commits.at(-1)?.revision ?? this.#newest;
    this.#behind?.();
    this.#behind = undefined;
    this.#feed.publish(commits);
    this.#options.onCommits(commits);
  }

  /** Others have forgotten what this process was to follow: all watchers begin anew. */
  async #reset(): Promise<void> {
    const { client, layout } = this.#options;
    try {
      const { header } = await client.repeat(({ kv }, options) =>
        kv.range({ key: layout.head, keysOnly: true }, options),
      );
      const revision = header?.revision ?? 0n;
      [this.#newest, this.#compacted] = [revision, revision];
      this.#feed.reset();
    } catch (cause) {
      this.#options.onFailure(cause);
    }
  }

  /** Commits after a revision from etcd's history, from one member and then from another. */
  async *#replay(page: {
    after: bigint;
    prefix: string;
    signal: AbortSignal;
  }): AsyncGenerator<WatchBatch> {
    let { after } = page;
    const signal = AbortSignal.any([page.signal, this.#stop.signal]);
    const { client, layout } = this.#options;
    const parts = { client, layout };
    while (!signal.aborted) {
      try {
        for await (const commits of changesAfter({ ...parts, after, signal })) {
          for (const batch of batchesOf(commits, page.prefix)) {
            after = batch.revision;
            yield batch;
          }
        }
      } catch (cause) {
        if (!(cause instanceof LimiError) || cause.reason !== 'STORE_UNAVAILABLE') throw cause;
        await client.rest(restMs);
      }
    }
  }

  #checkWatchable(from: bigint): void {
    if (this.#stop.signal.aborted) throw closed();
    if (from < this.#compacted) throw compacted(from);
  }
}

/** Commits in batches of about the same size, each of whole commits. */
function* batchesOf(commits: readonly Commit[], prefix: string): Generator<WatchBatch> {
  let events: StoreEvent[] = [];
  let bytes = 0;
  for (const [i, commit] of commits.entries()) {
    for (const event of commit.events) {
      if (!keyOf(event).startsWith(prefix)) continue;
      events.push(event);
      bytes += bytesOf(event);
    }
    const isEnough = events.length >= batchEventsMax || bytes >= batchBytesMax;
    if (!isEnough && i < commits.length - 1) continue;
    yield { events, revision: commit.revision };
    [events, bytes] = [[], 0];
  }
}
