/**
 * All resources in memory, as the store has them: found by id, name and reference, and kept up by
 * the store's watch. Records are kept as bytes and decoded when they are read; those that were read
 * last stay decoded. Admission, the loop and the agents' streams read it; nothing writes it but the
 * watch, and what it returns must not be changed.
 */
import { Code } from '@connectrpc/connect';
import type { Clock } from '../reconcile/clock.js';
import type { ViewChange } from '../reconcile/loop.js';
import { LimiError } from '../resource/error.js';
import { nameKey, parseRecordKey, recordPrefix } from '../resource/keys.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import { decodeRecord, decodeShared, nameKeyOf } from '../resource/record.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';
import type { Entry, Store, WatchBatch } from '../store/store.js';
import { Decoded, decodedMaxDefault } from './decoded.js';
import { ReferenceIndex } from './reference-index.js';
import { ViewRecord } from './view-record.js';

/** What a view works with. */
export interface ViewOptions {
  readonly store: Store;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  /** Called when following the store failed; the view goes on by itself after a rest. */
  readonly onFailure: (error: unknown) => void;
  /** The claims that a resource has, by what is in it; without it, `claimant` knows none. */
  readonly claimsOf?: (type: TypeName, resource: AnyResource) => readonly string[];
  /** How many resources of a type stay decoded; 16,384 without it. */
  readonly decodedMax?: number;
}

/** The resources of a type. */
interface Shelf {
  readonly type: ResourceType;
  readonly records: Map<string, ViewRecord>;
  readonly decoded: Decoded;
}

const pageSize = 1000;
const restMs = 500;
/** Those who wait for a revision at once. */
const waitersMax = 100_000;

interface Waiter {
  readonly revision: bigint;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** The view. `start` it before it is read. */
export class View implements AdmissionLookup {
  readonly #options: ViewOptions;
  readonly #shelves = new Map<TypeName, Shelf>();
  readonly #names = new Map<string, string>();
  readonly #claims = new Map<string, string>();
  readonly #references = new ReferenceIndex();
  readonly #listeners = new Set<(change: ViewChange) => void>();
  readonly #stop = new AbortController();
  #waiters: Waiter[] = [];
  #revision = 0n;
  #following: Promise<void> | undefined;

  constructor(options: ViewOptions) {
    this.#options = options;
    const { decodedMax = decodedMaxDefault } = options;
    for (const type of options.types.types) {
      const shelf = { type, records: new Map(), decoded: new Decoded(decodedMax) };
      this.#shelves.set(type.type, shelf);
    }
  }

  /** Reads everything and follows from there; resolves when the view is complete. */
  async start(): Promise<void> {
    await this.#load();
    this.#following = this.#follow();
  }

  /** Ends following; those who wait get an error. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    for (const { reject } of this.#waiters.splice(0)) reject(stopped());
  }

  /** The revision up to which the view is complete. */
  get revision(): bigint {
    return this.#revision;
  }

  get<R extends AnyResource>(type: TypeName, id: string): R | undefined {
    const shelf = this.#shelves.get(type);
    const record = shelf?.records.get(id);
    return shelf && record && (resourceIn(shelf, record) as R);
  }

  list<R extends AnyResource>(type: TypeName): readonly R[] {
    const shelf = this.#shelves.get(type);
    if (shelf === undefined) return [];
    return Array.from(shelf.records.values(), (record) => resourceIn(shelf, record) as R);
  }

  /** How many resources of a type there are. */
  count(type: TypeName): number {
    return this.#shelves.get(type)?.records.size ?? 0;
  }

  /** All resources of a type as bytes; what is only passed on needn't be decoded. */
  records(type: TypeName): readonly ViewRecord[] {
    return [...(this.#shelves.get(type)?.records.values() ?? [])];
  }

  /** The resource in a record that came from here. */
  decode(type: TypeName, record: ViewRecord): AnyResource {
    const shelf = this.#shelves.get(type);
    if (shelf === undefined) throw new Error(`the view has no records of type ${type}`);
    if (shelf.records.get(record.id) === record) return resourceIn(shelf, record);
    return decodeRecord(shelf.type, record);
  }

  referrers<R extends AnyResource>(type: TypeName, id: string): readonly R[] {
    const found: R[] = [];
    for (const referrer of this.#references.referrers(type, id)) {
      const resource = this.get<R>(type, referrer);
      if (resource !== undefined) found.push(resource);
    }
    return found;
  }

  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  /** The resource that has a name, or undefined. */
  findByName(options: {
    type: TypeName;
    projectId: string;
    name: string;
  }): AnyResource | undefined {
    const id = this.#names.get(nameKey(options));
    return id === undefined ? undefined : this.get(options.type, id);
  }

  claimant(key: string): string | undefined {
    return this.#claims.get(key);
  }

  /** Calls `listener` after each change, in order, from now on; returns what ends that. */
  onChange(listener: (change: ViewChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Resolves when the view has everything up to a revision. */
  settled(revision: bigint): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    if (this.#stop.signal.aborted || this.#waiters.length >= waitersMax) {
      return Promise.reject(stopped());
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ revision, resolve, reject });
    });
  }

  async #follow(): Promise<void> {
    const { store, clock, onFailure } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const fromRevision = this.#revision;
        for await (const batch of store.watch({ prefix: recordPrefix, fromRevision, signal })) {
          this.#apply(batch);
        }
      } catch (cause) {
        if (signal.aborted) return;
        onFailure(cause);
        await rest(clock, signal);
        await this.#reload();
      }
    }
  }

  async #reload(): Promise<void> {
    try {
      await this.#load();
    } catch (cause) {
      // The next turn of `#follow` fails at the same thing, rests and comes here again.
      this.#options.onFailure(cause);
    }
  }

  /** Takes the store's state as it is now, as changes against what the view has. */
  async #load(): Promise<void> {
    const { store, types } = this.#options;
    const seen = new Set<string>();
    let from: string | undefined;
    let revision: bigint | undefined;
    const entries: Entry[] = [];
    do {
      const page = await store.list({ prefix: recordPrefix, limit: pageSize, from, revision });
      entries.push(...page.entries);
      [from, revision] = [page.next, page.revision];
    } while (from !== undefined);
    for (const entry of entries) {
      seen.add(entry.key);
      this.#put(entry);
    }
    for (const { type } of types.types) {
      for (const id of [...(this.#shelves.get(type)?.records.keys() ?? [])]) {
        if (!seen.has(`${recordPrefix}${type}/${id}`)) this.#change({ type, id }, undefined);
      }
    }
    this.#advance(revision);
  }

  #apply(batch: WatchBatch): void {
    for (const event of batch.events) {
      if (event.kind === 'put') this.#put(event.entry);
      else {
        const key = parseRecordKey(event.key);
        if (key !== undefined) this.#change(key, undefined);
      }
    }
    this.#advance(batch.revision);
  }

  #put(entry: Entry): void {
    const key = parseRecordKey(entry.key);
    const shelf = key && this.#shelves.get(key.type);
    // A type of a newer version of LimiQuantix: left alone.
    if (key === undefined || shelf === undefined) return;
    if (shelf.records.get(key.id)?.revision === entry.revision) return;
    this.#change(key, entry);
  }

  #change(key: ResourceKey, entry: Entry | undefined): void {
    const shelf = this.#shelves.get(key.type);
    const before = shelf?.records.get(key.id);
    if (shelf === undefined || (entry === undefined && before === undefined)) return;
    const { type, records, decoded } = shelf;
    const previous = before && resourceIn(shelf, before);
    const resource = entry && decodeShared(type, entry);
    this.#references.change(type, previous, resource);
    this.#rename(type, previous, resource);
    this.#reclaim(key, previous, resource);
    if (before !== undefined) decoded.forget(before);
    if (entry === undefined || resource === undefined) records.delete(key.id);
    else {
      const record = new ViewRecord(key.id, entry);
      records.set(key.id, record);
      decoded.get(record, () => resource);
    }
    for (const listener of this.#listeners) listener({ key, resource, previous });
  }

  #rename(
    type: ResourceType,
    previous: AnyResource | undefined,
    resource: AnyResource | undefined,
  ): void {
    const before = previous && nameKeyOf(type, previous);
    const after = resource && nameKeyOf(type, resource);
    if (before === after) return;
    // Another resource may have taken the name in the same commit.
    if (before !== undefined && this.#names.get(before) === previous?.id) {
      this.#names.delete(before);
    }
    if (after !== undefined && resource !== undefined) this.#names.set(after, resource.id);
  }

  #reclaim(
    { type, id }: ResourceKey,
    previous: AnyResource | undefined,
    resource: AnyResource | undefined,
  ): void {
    const { claimsOf } = this.#options;
    if (claimsOf === undefined) return;
    for (const claim of previous === undefined ? [] : claimsOf(type, previous)) {
      if (this.#claims.get(claim) === id) this.#claims.delete(claim);
    }
    for (const claim of resource === undefined ? [] : claimsOf(type, resource)) {
      this.#claims.set(claim, id);
    }
  }

  #advance(revision: bigint | undefined): void {
    if (revision === undefined || revision <= this.#revision) return;
    this.#revision = revision;
    const due = this.#waiters.filter((waiter) => waiter.revision <= revision);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
    for (const { resolve } of due) resolve();
  }
}

const resourceIn = ({ type, decoded }: Shelf, record: ViewRecord): AnyResource =>
  decoded.get(record, () => decodeRecord(type, record));

function rest(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(restMs, done);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}

const stopped = (): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'VIEW_STOPPED',
    message: 'the server is stopping; try again',
    retryable: true,
  });
