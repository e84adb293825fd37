/**
 * What a simulated store is kept on: keys with all their versions, and every commit in order. It
 * outlives the servers that have it open. Pure state; time and faults are the store's.
 */
import type { Commit } from '../../server/src/store/change-feed.js';
import type {
  CommitResult,
  Entry,
  Requirement,
  StoreEvent,
  Transaction,
  Write,
} from '../../server/src/store/store.js';

interface Version {
  readonly revision: bigint;
  /** Undefined for a deletion. */
  readonly value: Uint8Array | undefined;
}

/** The medium of one installation's store. */
export class Medium {
  #revision = 0n;
  #compacted = 0n;
  #versions = new Map<string, Version[]>();
  #commits: Commit[] = [];
  readonly #listeners = new Set<(commit: Commit) => void>();
  /** How many commits are on disk: all, but in a mutation. */
  #synced = Number.POSITIVE_INFINITY;

  /** The newest revision. */
  get revision(): bigint {
    return this.#revision;
  }

  /** The revision up to which history is forgotten. */
  get compacted(): bigint {
    return this.#compacted;
  }

  /** Every commit in order. */
  get commits(): readonly Commit[] {
    return this.#commits;
  }

  /** Calls a function with each commit in the moment that it is made; returns what ends that. */
  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The entry of a key at a revision; the newest without one. */
  get(key: string, revision = this.#revision): Entry | undefined {
    const version = this.#versions.get(key)?.findLast((one) => one.revision <= revision);
    if (version?.value === undefined) return undefined;
    return { key, value: version.value, revision: version.revision };
  }

  /** The entries with a prefix at a revision, by key. */
  list(prefix: string, revision: bigint): Entry[] {
    const keys = [...this.#versions.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.flatMap((key) => this.get(key, revision) ?? []);
  }

  /** Makes a commit, or says which requirement doesn't hold. */
  commit({ require, writes }: Transaction): CommitResult {
    const failed = require.find((one) => !this.#holds(one));
    if (failed !== undefined) return { ok: false, failed };
    if (writes.length === 0) return { ok: true, revision: this.#revision };
    const revision = this.#revision + 1n;
    const events = writes.flatMap((write) => this.#write(write, revision) ?? []);
    this.#revision = revision;
    const commit = { revision, events };
    this.#commits.push(commit);
    for (const listener of [...this.#listeners]) listener(commit);
    return { ok: true, revision };
  }

  /** Forgets history up to a revision. */
  compact(revision: bigint): void {
    const target = revision < this.#revision ? revision : this.#revision;
    if (target > this.#compacted) this.#compacted = target;
  }

  /** What was committed by now is on disk; what comes later is not, until it is said again. */
  sync(): void {
    this.#synced = this.#commits.length;
  }

  /** Loses what is not on disk. */
  losePower(): void {
    if (this.#synced >= this.#commits.length) return;
    const kept = this.#commits.slice(0, this.#synced);
    this.#commits = [];
    this.#versions = new Map();
    this.#revision = 0n;
    for (const { events, revision } of kept) {
      for (const event of events) {
        const { key, value } = event.kind === 'put' ? event.entry : { ...event, value: undefined };
        this.#keep(key, { revision, value });
      }
      this.#revision = revision;
    }
    this.#commits = kept;
  }

  #holds(requirement: Requirement): boolean {
    if (requirement.kind === 'empty') {
      return this.list(requirement.prefix, this.#revision).length === 0;
    }
    const entry = this.get(requirement.key);
    if (requirement.kind === 'absent') return entry === undefined;
    if (requirement.kind === 'exists') return entry !== undefined;
    return entry?.revision === requirement.revision;
  }

  #write(write: Write, revision: bigint): StoreEvent | undefined {
    const { key } = write;
    const previous = this.get(key)?.value;
    if (write.kind === 'delete') {
      if (previous === undefined) return undefined;
      this.#keep(key, { revision, value: undefined });
      return { kind: 'delete', key, revision, previous };
    }
    const { value } = write;
    this.#keep(key, { revision, value });
    return { kind: 'put', entry: { key, value, revision }, previous };
  }

  #keep(key: string, version: Version): void {
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [version]);
    else versions.push(version);
  }
}
