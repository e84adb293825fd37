/**
 * The etcd store on three real members, of which one is killed, paused or cut off from the others
 * while many write and one watches: no acknowledged write is lost or made twice, the watch has no
 * gap, and writes go on within five seconds. What was measured is printed.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../server/src/bin/effects.js';
import { type EtcdStore, openEtcdStore } from '../../server/src/store/etcd/etcd.js';
import { EtcdLeadership } from '../../server/src/store/etcd/leadership.js';
import type { Term } from '../../server/src/store/leadership.js';
import type { StoreEvent } from '../../server/src/store/store.js';
import { until } from '../harness/wait.js';
import { type EtcdMember, hasEtcd, RealEtcd } from './real-etcd.js';
import { bytes, text } from './store-suite.js';

const writers = 16;
const gapMsMax = 5_000;
const calmMs = 500;
const faultMs = 4_000;

const describeEtcd = hasEtcd() ? describe : describe.skip;
if (!hasEtcd()) process.stderr.write('etcd faults are not tried: etcd is not installed\n');

interface Fault {
  readonly name: string;
  readonly begin: (etcd: RealEtcd, member: EtcdMember) => Promise<void> | void;
  readonly end: (etcd: RealEtcd, member: EtcdMember) => Promise<void> | void;
}

const faults: readonly Fault[] = [
  { name: 'killed', begin: (_, one) => one.kill(), end: (_, one) => one.start() },
  { name: 'paused', begin: (_, one) => one.pause(), end: (_, one) => one.resume() },
  { name: 'cut off', begin: (etcd, one) => etcd.cut(one), end: (etcd, one) => etcd.mend(one) },
];

describeEtcd('etcd of three members', () => {
  let etcd: RealEtcd;
  let store: EtcdStore;

  beforeAll(async () => {
    etcd = await RealEtcd.start({ members: 3 });
  }, 60_000);

  afterAll(async () => {
    await etcd?.stop();
  });

  const open = (endpoints: readonly string[]): Promise<EtcdStore> =>
    openEtcdStore({
      endpoints,
      prefix: `${randomUUID()}/`,
      nowMs: Date.now,
      timers: systemClock,
      writer: randomUUID(),
    });

  afterEach(async () => {
    await store?.close();
  });

  const rounds = faults.flatMap((fault) =>
    ['the leader', 'a follower'].map((who) => ({ ...fault, who })),
  );
  test.each(rounds)(
    'goes on when $who is $name',
    async ({ name, who, begin, end }) => {
      const leader = await etcd.leader();
      const follower = etcd.members.find((member) => member !== leader) ?? leader;
      const victim = who === 'the leader' ? leader : follower;
      // The victim is the member that the store talks to.
      const others = etcd.endpoints.filter((endpoint) => endpoint !== victim.endpoint);
      store = await open([victim.endpoint, ...others]);
      const from = await store.revision();
      const load = new Load(store);
      const watched = watch(store, from);
      load.start();
      await delay(calmMs);
      await begin(etcd, victim);
      await delay(faultMs);
      await end(etcd, victim);
      await delay(calmMs);
      await load.stop();
      const last = await store.revision();
      const live = await watched.upTo(last);
      const replay = await watch(store, from).upTo(last);
      const gap = Math.round(load.gapMs);
      process.stderr.write(
        `etcd: ${who} ${name}: write gap ${gap} ms, ${load.acknowledged.size} writes, ` +
          `${load.unknown.size} of unknown outcome\n`,
      );
      expect(load.acknowledged.size).toBeGreaterThan(100);
      expect(load.gapMs).toBeLessThan(gapMsMax);
      expect(live).toEqual(replay);
      checkWrites(load, live);
      await etcd.ready();
    },
    60_000,
  );

  test.each(faults)(
    'keeps who leads in office when its leader is $name',
    async (fault) => {
      const victim = await etcd.leader();
      const others = etcd.endpoints.filter((endpoint) => endpoint !== victim.endpoint);
      store = await open([victim.endpoint, ...others]);
      let changes = 0;
      const leadership = new EtcdLeadership({
        store,
        timers: systemClock,
        monotonicMs: () => performance.now(),
        id: randomUUID(),
        onChange: () => {
          changes += 1;
        },
        onFailure: () => undefined,
      });
      let term: Term | undefined;
      await leadership.start('https://127.0.0.1:1', async (begun) => {
        term = begun;
        return { stop: async () => undefined };
      });
      try {
        await until('it leads', 10_000, () => leadership.isLeading || undefined);
        const before = changes;
        await fault.begin(etcd, victim);
        await delay(faultMs);
        await fault.end(etcd, victim);
        const put = { kind: 'put', key: 'led', value: bytes('1') } as const;
        expect((await term?.store.commit({ require: [], writes: [put] }))?.ok).toBe(true);
        expect(changes).toBe(before);
        expect(term?.isValid()).toBe(true);
      } finally {
        await leadership.stop();
      }
      await etcd.ready();
    },
    60_000,
  );

  test('says that it is unavailable without a majority, and goes on with one', async () => {
    store = await open(etcd.endpoints);
    const [first, second] = etcd.members;
    await Promise.all([first?.kill(), second?.kill()]);
    const write = { require: [], writes: [{ kind: 'put', key: 'k', value: bytes('1') } as const] };
    const reason = expect.stringMatching(/^STORE_(UNAVAILABLE|OUTCOME_UNKNOWN)$/);
    await Promise.all([
      expect(store.commit(write)).rejects.toMatchObject({ reason, retryable: true }),
      expect(store.get('k')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' }),
    ]);
    first?.start();
    second?.start();
    await until('writes go on', 30_000, async () => (await store.commit(write)).ok || undefined);
  }, 90_000);
});

describeEtcd('etcd with a full quota', () => {
  test('says STORE_FULL, and goes on when there is room again', async () => {
    const etcd = await RealEtcd.start({ members: 1, quotaBytes: 24 * 1024 * 1024 });
    const store = await openEtcdStore({
      endpoints: etcd.endpoints,
      prefix: 'q/',
      nowMs: Date.now,
      timers: systemClock,
      writer: randomUUID(),
    });
    try {
      const value = new Uint8Array(1024 * 1024);
      const write = { require: [], writes: [{ kind: 'put', key: 'k', value } as const] };
      const failure = await until('the quota is full', 30_000, () =>
        store.commit(write).then(
          () => undefined,
          (cause: unknown) => cause,
        ),
      );
      expect(failure).toMatchObject({ reason: 'STORE_FULL', retryable: true });
      expect((await store.get('k'))?.value).toHaveLength(value.length);
      await store.compact(await store.revision());
      await until('etcd is defragmented', 10_000, () => etcd.control(['defrag']));
      expect(await etcd.control(['alarm', 'disarm'])).toContain('NOSPACE');
      expect((await store.commit(write)).ok).toBe(true);
    } finally {
      await store.close();
      await etcd.stop();
    }
  }, 90_000);
});

/** Writers that make keys of their own and count together in one key. */
class Load {
  readonly acknowledged = new Map<string, bigint>();
  readonly unknown = new Set<string>();
  gapMs = 0;
  #counted = 0;
  #countedMaybe = 0;
  #lastMs = performance.now();
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();
  readonly #store: EtcdStore;

  constructor(store: EtcdStore) {
    this.#store = store;
  }

  /** How often the common key was counted up, at least and at most. */
  get counted(): readonly [least: number, most: number] {
    return [this.#counted, this.#counted + this.#countedMaybe];
  }

  start(): void {
    this.#lastMs = performance.now();
    const all = Array.from({ length: writers }, (_, i) => this.#write(i));
    this.#running = Promise.all([...all, this.#count(), this.#count()]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#note();
  }

  async #write(writer: number): Promise<void> {
    for (let i = 0; !this.#isStopped; i += 1) {
      const key = `w/${writer}/${i}`;
      try {
        const result = await this.#store.commit({
          require: [{ kind: 'absent', key }],
          writes: [{ kind: 'put', key, value: bytes(key) }],
        });
        // A conflict would be the work of a commit that was made twice.
        if (!result.ok) throw new Error(`${key} was there already`);
        this.#note();
        this.acknowledged.set(key, result.revision);
      } catch (cause) {
        this.#refused(cause);
        this.unknown.add(key);
      }
    }
  }

  async #count(): Promise<void> {
    while (!this.#isStopped) {
      try {
        const entry = await this.#store.get('count');
        const next = Number(text(entry?.value) ?? 0) + 1;
        const result = await this.#store.commit({
          require: [
            entry === undefined
              ? { kind: 'absent', key: 'count' }
              : { kind: 'revision', key: 'count', revision: entry.revision },
          ],
          writes: [{ kind: 'put', key: 'count', value: bytes(String(next)) }],
        });
        if (result.ok) this.#counted += 1;
      } catch (cause) {
        this.#refused(cause);
        this.#countedMaybe += 1;
      }
    }
  }

  #note(): void {
    const now = performance.now();
    this.gapMs = Math.max(this.gapMs, now - this.#lastMs);
    this.#lastMs = now;
  }

  #refused(cause: unknown): void {
    const { reason } = cause as { reason?: string };
    if (reason === 'STORE_OUTCOME_UNKNOWN' || reason === 'STORE_UNAVAILABLE') return;
    throw cause;
  }
}

function checkWrites(load: Load, events: readonly StoreEvent[]): void {
  const puts = events.flatMap((event) => (event.kind === 'put' ? [event] : []));
  const made = new Map<string, bigint>();
  for (const { entry, previous } of puts) {
    if (entry.key === 'count') continue;
    expect(previous).toBeUndefined();
    made.set(entry.key, entry.revision);
  }
  for (const [key, revision] of load.acknowledged) expect(made.get(key)).toBe(revision);
  for (const key of made.keys()) {
    if (!load.acknowledged.has(key)) expect(load.unknown.has(key)).toBe(true);
  }
  const counts = puts.filter(({ entry }) => entry.key === 'count').map(({ entry }) => entry.value);
  expect(counts.map(text)).toEqual(counts.map((_, i) => String(i + 1)));
  const [least, most] = load.counted;
  expect(counts.length).toBeGreaterThanOrEqual(least);
  expect(counts.length).toBeLessThanOrEqual(most);
}

function watch(store: EtcdStore, fromRevision: bigint) {
  const stop = new AbortController();
  const events: StoreEvent[] = [];
  let position = fromRevision;
  const running = (async () => {
    const options = { prefix: '', fromRevision, signal: stop.signal };
    for await (const batch of store.watch(options)) {
      events.push(...batch.events);
      position = batch.revision;
    }
  })();
  return {
    async upTo(revision: bigint): Promise<readonly StoreEvent[]> {
      await until('the watch is complete', 20_000, () => position >= revision || undefined);
      stop.abort();
      await running;
      return events;
    },
  };
}
