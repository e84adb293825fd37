/**
 * What every store must do, against each implementation. Random runs print their seed when they
 * fail: `STORE_SEED=<seed>` runs one again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type {
  CommitResult,
  Entry,
  Requirement,
  Store,
  StoreEvent,
  Write,
} from '../../server/src/store/store.js';
import { implementations } from './store-implementations.js';

const seed = Number(process.env['STORE_SEED'] ?? Date.now() % 1_000_000);
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new TextDecoder().decode(value);
const put = (key: string, value = 'x'): Write => ({ kind: 'put', key, value: bytes(value) });

describe.each(implementations)('store $name', (implementation) => {
  let folder: string;
  let store: Store;
  const stops: AbortController[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'limiquantix-store-'));
    store = await implementation.open(folder);
  });

  afterEach(async () => {
    for (const stop of stops.splice(0)) stop.abort();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const write = async (writes: Write[], require: Requirement[] = []): Promise<bigint> => {
    const result = await store.commit({ require, writes });
    if (!result.ok) throw new Error(`conflict on ${JSON.stringify(result.failed.kind)}`);
    return result.revision;
  };

  const listAll = async (prefix: string, revision?: bigint, limit = 3): Promise<Entry[]> => {
    const entries: Entry[] = [];
    let from: string | undefined;
    let at = revision;
    do {
      const page = await store.list({ prefix, limit, from, revision: at });
      entries.push(...page.entries);
      [from, at] = [page.next, page.revision];
    } while (from !== undefined);
    return entries;
  };

  /** Watches until `enough` is true of the events so far. */
  const watchUntil = async (
    options: { prefix: string; fromRevision: bigint },
    enough: (events: StoreEvent[], revision: bigint) => boolean,
  ): Promise<StoreEvent[]> => {
    const stop = new AbortController();
    stops.push(stop);
    const events: StoreEvent[] = [];
    for await (const batch of store.watch({ ...options, signal: stop.signal })) {
      events.push(...batch.events);
      if (enough(events, batch.revision)) break;
    }
    return events;
  };

  it('gives each commit the next revision and keeps it with the key', async () => {
    const first = await write([put('a', '1'), put('b', '2')]);
    const second = await write([put('a', '3')]);
    expect(second).toBe(first + 1n);
    expect(await store.get('a')).toEqual({ key: 'a', value: bytes('3'), revision: second });
    expect((await store.get('b'))?.revision).toBe(first);
    expect(await store.get('c')).toBeUndefined();
    expect(await store.revision()).toBe(second);
  });

  it('keeps empty values apart from absent keys', async () => {
    await write([put('a', '')]);
    expect((await store.get('a'))?.value).toHaveLength(0);
  });

  it.each<[Requirement, boolean]>([
    [{ kind: 'absent', key: 'a/1' }, false],
    [{ kind: 'absent', key: 'z' }, true],
    [{ kind: 'exists', key: 'a/1' }, true],
    [{ kind: 'exists', key: 'z' }, false],
    [{ kind: 'revision', key: 'a/1', revision: 1n }, true],
    [{ kind: 'revision', key: 'a/1', revision: 2n }, false],
    [{ kind: 'revision', key: 'z', revision: 1n }, false],
    [{ kind: 'empty', prefix: 'a/' }, false],
    [{ kind: 'empty', prefix: 'b/' }, true],
  ])('commits on %o: %s', async (requirement, holds) => {
    await write([put('a/1'), put('a0')]);
    const result = await store.commit({ require: [requirement], writes: [put('n')] });
    expect(result.ok).toBe(holds);
    if (!result.ok) expect(result.failed).toEqual(requirement);
    expect((await store.get('n')) !== undefined).toBe(holds);
  });

  it('writes all of a transaction or nothing', async () => {
    await write([put('a')]);
    const writes = [put('b'), { kind: 'delete', key: 'a' } as const];
    await store.commit({ require: [{ kind: 'exists', key: 'z' }], writes });
    expect((await listAll('')).map(({ key }) => key)).toEqual(['a']);
    await write(writes);
    expect((await listAll('')).map(({ key }) => key)).toEqual(['b']);
  });

  it('lets exactly one of many concurrent writers win', async () => {
    for (const round of [1, 2, 3]) {
      const key = `guard/${round}`;
      const results = await Promise.all(
        Array.from({ length: 64 }, (_, i) =>
          store.commit({ require: [{ kind: 'absent', key }], writes: [put(key, String(i))] }),
        ),
      );
      const winners = results.flatMap((result, i) => (result.ok ? [String(i)] : []));
      expect(winners).toEqual([text((await store.get(key))?.value)]);
    }
  });

  it('never loses an increment of concurrent compare-and-swap loops', async () => {
    await write([put('count', '0')]);
    const increment = async (): Promise<void> => {
      for (;;) {
        const entry = await store.get('count');
        if (entry === undefined) throw new Error('gone');
        const result: CommitResult = await store.commit({
          require: [{ kind: 'revision', key: 'count', revision: entry.revision }],
          writes: [put('count', String(Number(text(entry.value)) + 1))],
        });
        if (result.ok) return;
      }
    };
    await Promise.all(Array.from({ length: 30 }, increment));
    expect(text((await store.get('count'))?.value)).toBe('30');
  });

  it('lists at one revision while others write', async () => {
    for (let i = 0; i < 10; i += 1) await write([put(`k/${i}`, 'old')]);
    const first = await store.list({ prefix: 'k/', limit: 4 });
    await write([put('k/5', 'new'), { kind: 'delete', key: 'k/7' }, put('k/55', 'new')]);
    const rest = await store.list({
      prefix: 'k/',
      limit: 100,
      from: first.next,
      revision: first.revision,
    });
    const entries = [...first.entries, ...rest.entries];
    expect(entries.map(({ key, value }) => `${key} ${text(value)}`)).toEqual(
      Array.from({ length: 10 }, (_, i) => `k/${i} old`),
    );
    expect(rest.revision).toBe(first.revision);
    expect((await listAll('k/')).map(({ key }) => key)).toContain('k/55');
  });

  it('watches from any revision without a gap', async () => {
    const revisions: bigint[] = [await store.revision()];
    for (let i = 0; i < 30; i += 1) {
      const key = `${i % 3 === 0 ? 'other' : 'k'}/${i % 7}`;
      revisions.push(await write(i % 5 === 4 ? [{ kind: 'delete', key }] : [put(key, `${i}`)]));
    }
    const last = await store.revision();
    const all = await watchUntil({ prefix: 'k/', fromRevision: 0n }, (_, at) => at >= last);
    for (const from of revisions) {
      if (from === last) continue;
      const seen = await watchUntil({ prefix: 'k/', fromRevision: from }, (_, at) => at >= last);
      expect(seen).toEqual(all.filter((event) => revisionOf(event) > from));
    }
  });

  it('tells watchers what was there before', async () => {
    const from = await store.revision();
    await write([put('a', '1')]);
    await write([put('a', '2')]);
    await write([{ kind: 'delete', key: 'a' }]);
    await write([put('a', '3')]);
    const events = await watchUntil({ prefix: '', fromRevision: from }, (e) => e.length >= 4);
    expect(events.map(({ kind, previous }) => [kind, text(previous)])).toEqual([
      ['put', undefined],
      ['put', '1'],
      ['delete', '2'],
      ['put', undefined],
    ]);
  });

  it('wakes a watcher that waits, with commits of other prefixes as progress', async () => {
    const from = await store.revision();
    const seen = watchUntil({ prefix: 'k/', fromRevision: from }, (_, at) => at >= from + 2n);
    await write([put('other')]);
    await write([put('k/1')]);
    expect((await seen).map((event) => event.kind === 'put' && event.entry.key)).toEqual(['k/1']);
  });

  it('ends a watch when its signal aborts', async () => {
    const stop = new AbortController();
    const seen: bigint[] = [];
    const done = (async () => {
      for await (const batch of store.watch({
        prefix: '',
        fromRevision: 0n,
        signal: stop.signal,
      })) {
        seen.push(batch.revision);
      }
    })();
    await write([put('a')]);
    stop.abort();
    await done;
  });

  it('says COMPACTED for what is forgotten, and keeps the newest of everything', async () => {
    for (let i = 0; i < 20; i += 1) await write([put(`k/${i % 4}`, String(i)), put(`gone/${i}`)]);
    await write([{ kind: 'delete', key: 'gone/3' }]);
    const before = await store.revision();
    const listed = await listAll('');
    await store.compact(before);
    expect(await listAll('')).toEqual(listed);
    await expect(store.list({ prefix: '', limit: 1, revision: before - 1n })).rejects.toMatchObject(
      { reason: 'COMPACTED' },
    );
    const late = watchUntil({ prefix: '', fromRevision: before - 1n }, () => true);
    await expect(late).rejects.toMatchObject({ reason: 'COMPACTED' });
    const next = await write([put('k/0', 'again')]);
    const [event] = await watchUntil({ prefix: '', fromRevision: before }, () => true);
    expect(event).toMatchObject({ kind: 'put', entry: { key: 'k/0', revision: next } });
    expect(text(event?.previous)).toBe('16');
  });

  it('keeps the newest changes at hand, and gives older ones in batches of whole commits', async () => {
    await store.close();
    store = await implementation.open(folder, { eventsKeptMax: 10 });
    const from = await store.revision();
    const big = (key: string): Write => ({ kind: 'put', key, value: new Uint8Array(200_000) });
    for (let i = 0; i < 12; i += 1) await write([big(`k/${i}/a`), big(`k/${i}/b`)]);
    const last = await store.revision();
    expect(store.isRecent(last)).toBe(true);
    expect(store.isRecent(last - 5n)).toBe(true);
    expect(store.isRecent(last - 6n)).toBe(false);
    const stop = new AbortController();
    let position = from;
    for await (const batch of store.watch({
      prefix: 'k/',
      fromRevision: from,
      signal: stop.signal,
    })) {
      expect(batch.events).toHaveLength(2 * Number(batch.revision - position));
      // Half a mebibyte, and what is left of the commit that goes beyond it.
      expect(batch.events.length).toBeLessThanOrEqual(4);
      position = batch.revision;
      if (position === last) stop.abort();
    }
  });

  it('says COMPACTED to a watcher that is slower than its history is long', async () => {
    await store.close();
    store = await implementation.open(folder, { historyRevisionsMax: 50 });
    const watcher = store
      .watch({ prefix: '', fromRevision: 0n, signal: new AbortController().signal })
      [Symbol.asyncIterator]();
    await write([put('a')]);
    await watcher.next();
    for (let i = 0; i < 300; i += 1) await write([put('a', String(i))]);
    await expect(watcher.next()).rejects.toMatchObject({ reason: 'COMPACTED' });
  });

  it('refuses to be opened twice', async () => {
    await expect(implementation.open(folder)).rejects.toMatchObject({ reason: 'STORE_LOCKED' });
  });

  it('keeps revisions, entries and history over a restart', async () => {
    const from = await write([put('a', '1')]);
    const revision = await write([put('a', '2'), put('b')]);
    await store.close();
    store = await implementation.open(folder);
    expect(await store.revision()).toBe(revision);
    expect(text((await store.get('a'))?.value)).toBe('2');
    expect(await watchUntil({ prefix: '', fromRevision: from }, () => true)).toHaveLength(2);
    expect(await write([put('c')])).toBe(revision + 1n);
  });

  it(`agrees with a model over random commits (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const model = new Map<string, string>();
    const versions: [revision: bigint, state: string][] = [];
    for (let step = 0; step < 300; step += 1) {
      const keys = new Set(Array.from({ length: 1 + random(3) }, () => `k/${random(12)}`));
      const writes = [...keys].map(
        (key): Write => (random(3) === 0 ? { kind: 'delete', key } : put(key, String(step))),
      );
      const require = requirementsOf(random, model);
      const result = await store.commit({ require: require.list, writes });
      expect(result.ok).toBe(require.hold);
      if (result.ok) for (const one of writes) applyTo(model, one);
      versions.push([await store.revision(), stateOf(model)]);
    }
    for (const [revision, state] of versions.filter(() => random(10) === 0)) {
      const entries = await listAll('k/', revision);
      expect(entries.map(({ key, value }) => `${key}=${text(value)}`).join()).toBe(state);
    }
    const replay = new Map<string, string>();
    const last = await store.revision();
    const events = await watchUntil({ prefix: 'k/', fromRevision: 0n }, (_, at) => at >= last);
    for (const event of events) {
      const key = event.kind === 'put' ? event.entry.key : event.key;
      expect(text(event.previous)).toBe(replay.get(key));
      applyTo(replay, event.kind === 'put' ? { ...event.entry, kind: 'put' } : event);
    }
    expect(stateOf(replay)).toBe(stateOf(model));
  });

  it('loses no acknowledged write when its process is killed', async () => {
    await store.close();
    const acknowledged: number[] = [];
    for (const round of [0, 1, 2]) {
      const wanted = acknowledged.length + 200;
      const begin = round * 1_000_000;
      const child = startWriter(implementation.name, folder, begin);
      const exited = once(child, 'exit');
      for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
        acknowledged.push(Number(line));
        if (acknowledged.length === wanted) child.kill('SIGKILL');
      }
      await exited;
    }
    store = await implementation.open(folder);
    const kept = new Map((await listAll('w/', undefined, 5000)).map((e) => [e.key, text(e.value)]));
    for (const i of acknowledged) {
      expect(kept.get(`w/${String(i).padStart(8, '0')}`)).toBe(`value ${i}`);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(600);
  }, 60_000);
});

const revisionOf = (event: StoreEvent): bigint =>
  event.kind === 'put' ? event.entry.revision : event.revision;

function startWriter(name: string, folder: string, begin: number): ChildProcess {
  const script = join(__dirname, 'store-writer.ts');
  const flags = ['--disable-warning=ExperimentalWarning', '--import', 'tsx'];
  return spawn(process.execPath, [...flags, script, name, folder, String(begin)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function requirementsOf(random: (below: number) => number, model: Map<string, string>) {
  const key = `k/${random(12)}`;
  if (random(2) === 0) return { list: [], hold: true };
  const kind = random(2) === 0 ? 'absent' : 'exists';
  return { list: [{ kind, key } as const], hold: model.has(key) === (kind === 'exists') };
}

function applyTo(model: Map<string, string>, write: Write | StoreEvent): void {
  if (write.kind === 'delete') model.delete(write.key);
  else if ('value' in write) model.set(write.key, text(write.value) ?? '');
}

const stateOf = (model: Map<string, string>): string =>
  [...model]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join();

/** Whole numbers below a bound, the same for the same seed (mulberry32). */
function randomOf(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
