/**
 * The newest commits in memory, and the watchers that wait for the next. A watcher is a position,
 * not a queue: it reads commits from here, or from the store's history where it has fallen further
 * behind, so that a slow one costs no memory.
 */
import type { StoreEvent, WatchBatch, WatchOptions } from './store.js';

/** How much of what is newest is kept in memory, when nothing else is said. */
const eventsKeptMaxDefault = 8192;
const bytesKeptMax = 32 * 1024 * 1024;
/** Events in one batch and their bytes, at most, besides those of its last commit. */
export const batchEventsMax = 512;
export const batchBytesMax = 512 * 1024;

/** A commit, as watchers see it. */
export interface Commit {
  readonly revision: bigint;
  readonly events: readonly StoreEvent[];
}

/** What the feed needs of the store. */
export interface History {
  /** The newest revision whose commit is durable. */
  newest(): bigint;
  /** Throws LimiError COMPACTED where events after a revision are forgotten. */
  checkWatchable(fromRevision: bigint): void;
  /**
   * Events after a revision, from the store's medium: whole commits in order. Is asked again where
   * it ends before what is in memory begins.
   */
  replay(options: {
    readonly after: bigint;
    readonly prefix: string;
    readonly signal: AbortSignal;
  }): AsyncIterable<WatchBatch> | Iterable<WatchBatch>;
}

/** The recent commits and those who wait for more. */
export class ChangeFeed {
  readonly #history: History;
  readonly #waiting = new Set<() => void>();
  readonly #eventsKeptMax: number;
  #commits: Commit[] = [];
  #events = 0;
  #bytes = 0;

  constructor(history: History, eventsKeptMax = eventsKeptMaxDefault) {
    this.#history = history;
    this.#eventsKeptMax = eventsKeptMax;
  }

  /** Forgets everything: what comes next doesn't follow on what is here. */
  reset(): void {
    this.#commits = [];
    this.#events = 0;
    this.#bytes = 0;
    this.wake();
  }

  /** Adds commits that have become durable, in order, and wakes the watchers. */
  publish(commits: readonly Commit[]): void {
    for (const commit of commits) {
      this.#commits.push(commit);
      this.#events += commit.events.length;
      this.#bytes += sizeOf(commit);
    }
    this.#forget();
    this.wake();
  }

  /** Whether what comes after a revision is in memory. */
  reaches(revision: bigint): boolean {
    const first = this.#commits[0];
    return (
      revision >= this.#history.newest() || (first !== undefined && revision >= first.revision - 1n)
    );
  }

  /** Makes every watcher look again. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  /** As `Store.watch`. A batch may have no event: its revision tells how far it is complete. */
  async *watch({ prefix, fromRevision, signal }: WatchOptions): AsyncGenerator<WatchBatch> {
    let position = fromRevision;
    let resume = (): void => undefined;
    // One listener for the watch, not one for each wait: a thousand wait after each commit.
    const onAbort = (): void => resume();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        this.#history.checkWatchable(position);
        if (position >= this.#history.newest()) {
          await new Promise<void>((resolve) => {
            resume = resolve;
            this.#waiting.add(resolve);
          });
          this.#waiting.delete(resume);
          continue;
        }
        for await (const batch of this.#batches({ prefix, fromRevision: position, signal })) {
          position = batch.revision;
          yield batch;
          if (this.reaches(position)) break;
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #batches({ prefix, fromRevision: after, signal }: WatchOptions) {
    const recent = this.#read(after, prefix);
    return recent === undefined ? this.#history.replay({ after, prefix, signal }) : [recent];
  }

  /** Events after a position from memory; undefined where memory doesn't reach back so far. */
  #read(after: bigint, prefix: string): WatchBatch | undefined {
    const first = this.#commits[0];
    if (first === undefined || after < first.revision - 1n) return undefined;
    const events: StoreEvent[] = [];
    let revision = after;
    let bytes = 0;
    for (let i = this.#indexAfter(after); i < this.#commits.length; i += 1) {
      const commit = this.#commits[i];
      if (commit === undefined || events.length >= batchEventsMax || bytes >= batchBytesMax) break;
      for (const event of commit.events) {
        if (!keyOf(event).startsWith(prefix)) continue;
        events.push(event);
        bytes += bytesOf(event);
      }
      revision = commit.revision;
    }
    return { events, revision };
  }

  /** Where the commits after a revision begin in the list; revisions may have gaps. */
  #indexAfter(after: bigint): number {
    let [low, high] = [0, this.#commits.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#commits[middle]?.revision ?? 0n) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forget(): void {
    let count = 0;
    while (this.#events > this.#eventsKeptMax || this.#bytes > bytesKeptMax) {
      const commit = this.#commits[count];
      if (commit === undefined) break;
      this.#events -= commit.events.length;
      this.#bytes -= sizeOf(commit);
      count += 1;
    }
    if (count > 0) this.#commits = this.#commits.slice(count);
  }
}

/** The key that an event is about. */
export const keyOf = (event: StoreEvent): string =>
  event.kind === 'put' ? event.entry.key : event.key;

function sizeOf(commit: Commit): number {
  let bytes = 0;
  for (const event of commit.events) bytes += bytesOf(event);
  return bytes;
}

/** The length of the values in an event. */
export const bytesOf = (event: StoreEvent): number =>
  (event.previous?.length ?? 0) + (event.kind === 'put' ? event.entry.value.length : 0);
