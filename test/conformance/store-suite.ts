/**
 * What the suites of the store work with: each implementation that can be tried here, and an open
 * store of it in a folder that lasts for one test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry, Requirement, Store, StoreEvent, Write } from '../../server/src/store/store.js';
import { type Implementation, implementations } from './store-implementations.js';

/** The implementations that can be tried here; it says which can't, and why. */
export const present = implementations.filter(({ name, missing }) => {
  if (missing !== undefined) process.stderr.write(`store ${name} is not tried: ${missing}\n`);
  return missing === undefined;
});

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);
export const put = (key: string, value = 'x'): Write => ({ kind: 'put', key, value: bytes(value) });
export const revisionOf = (event: StoreEvent): bigint =>
  event.kind === 'put' ? event.entry.revision : event.revision;

/** Has a store open during each test; it is in the result. */
export function useStore(implementation: Implementation): TestStore {
  const on = new TestStore(implementation);
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    end = await implementation.start?.();
  }, 60_000);
  afterAll(async () => {
    await end?.();
  });
  beforeEach(() => on.open());
  afterEach(() => on.close());
  return on;
}

/** The store of one test. */
export class TestStore {
  readonly stops: AbortController[] = [];
  folder = '';
  /** The revision before anything was written. */
  begin = 0n;
  readonly #implementation: Implementation;
  #store: Store | undefined;

  constructor(implementation: Implementation) {
    this.#implementation = implementation;
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error('no store is open');
    return this.#store;
  }

  async open(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), 'limiquantix-store-'));
    this.#store = await this.#implementation.open(this.folder);
    this.begin = await this.store.revision();
  }

  /** Closes the store and opens it again. */
  async reopen(options?: Parameters<Implementation['open']>[1]): Promise<void> {
    await this.store.close();
    this.#store = await this.#implementation.open(this.folder, options);
  }

  async close(): Promise<void> {
    for (const stop of this.stops.splice(0)) stop.abort();
    await this.#store?.close();
    rmSync(this.folder, { recursive: true });
  }

  /** Writes; the revision. Throws where a requirement doesn't hold. */
  async write(writes: Write[], require: Requirement[] = []): Promise<bigint> {
    const result = await this.store.commit({ require, writes });
    if (!result.ok) throw new Error(`conflict on ${JSON.stringify(result.failed.kind)}`);
    return result.revision;
  }

  /** All pages of a list. */
  async listAll(prefix: string, revision?: bigint, limit = 3): Promise<Entry[]> {
    const entries: Entry[] = [];
    let from: string | undefined;
    let at = revision;
    do {
      const page = await this.store.list({ prefix, limit, from, revision: at });
      entries.push(...page.entries);
      [from, at] = [page.next, page.revision];
    } while (from !== undefined);
    return entries;
  }

  /** Watches until `enough` is true of the events so far. */
  async watchUntil(
    options: { prefix: string; fromRevision: bigint },
    enough: (events: StoreEvent[], revision: bigint) => boolean,
  ): Promise<StoreEvent[]> {
    const stop = new AbortController();
    this.stops.push(stop);
    const events: StoreEvent[] = [];
    for await (const batch of this.store.watch({ ...options, signal: stop.signal })) {
      events.push(...batch.events);
      if (enough(events, batch.revision)) break;
    }
    return events;
  }
}
