/**
 * Leadership by a lease in etcd: at most one leads at any moment, however the others were lost, and
 * a commit of one who was deposed fails whenever it arrives.
 */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../server/src/bin/effects.js';
import type { Timers } from '../../server/src/store/etcd/client.js';
import { type EtcdStore, openEtcdStore } from '../../server/src/store/etcd/etcd.js';
import { EtcdLeadership } from '../../server/src/store/etcd/leadership.js';
import type { Term } from '../../server/src/store/leadership.js';
import { until } from '../harness/wait.js';
import { hasEtcd, RealEtcd } from './real-etcd.js';
import { put } from './store-suite.js';

const leaseSeconds = 3;
const deadlineMs = 20_000;
const describeEtcd = hasEtcd() ? describe : describe.skip;

/** A time in which somebody led, to the end of its duty. */
interface Reign {
  readonly who: string;
  readonly beginMs: number;
  endMs: number;
}

describeEtcd('leadership', () => {
  let etcd: RealEtcd;
  let prefix = '';
  let reigns: Reign[] = [];
  const servers: Server[] = [];

  beforeAll(async () => {
    etcd = await RealEtcd.start({ members: 1 });
  }, 60_000);

  afterAll(async () => {
    await etcd?.stop();
  });

  beforeEach(() => {
    prefix = `${randomUUID()}/`;
    reigns = [];
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  /** A server of which the timers can be stopped, as those of a paused process are. */
  class Server {
    readonly name: string;
    readonly store: EtcdStore;
    readonly leadership: EtcdLeadership;
    term: Term | undefined;
    isPaused = false;

    static async start(name: string): Promise<Server> {
      const store = await openEtcdStore({
        endpoints: etcd.endpoints,
        prefix,
        nowMs: Date.now,
        timers: systemClock,
        writer: randomUUID(),
      });
      const server = new Server(name, store);
      servers.push(server);
      await server.leadership.start(`https://${name}`, async (term) => {
        const reign = { who: name, beginMs: performance.now(), endMs: Number.POSITIVE_INFINITY };
        reigns.push(reign);
        server.term = term;
        return {
          stop: async () => {
            reign.endMs = performance.now();
          },
        };
      });
      return server;
    }

    private constructor(name: string, store: EtcdStore) {
      this.name = name;
      this.store = store;
      const timers: Timers = {
        after: (delayMs, fn) => {
          const run = (): void => {
            if (this.isPaused) cancel = systemClock.after(100, run);
            else fn();
          };
          let cancel = systemClock.after(delayMs, run);
          return () => cancel();
        },
      };
      this.leadership = new EtcdLeadership({
        store,
        timers,
        monotonicMs: () => performance.now(),
        id: name,
        leaseSeconds,
        onChange: () => undefined,
        onFailure: () => undefined,
      });
    }

    async stop(): Promise<void> {
      this.isPaused = false;
      await this.leadership.stop();
      await this.store.close();
    }
  }

  const leads = (server: Server): Promise<Term> =>
    until(`${server.name} leads`, deadlineMs, () =>
      server.leadership.isLeading ? server.term : undefined,
    );

  const checkReigns = (whos: readonly string[]): void => {
    expect(reigns.map(({ who }) => who)).toEqual(whos);
    for (const [i, { beginMs }] of reigns.entries()) {
      expect(beginMs).toBeGreaterThan(reigns[i - 1]?.endMs ?? 0);
    }
  };

  const write = (term: Term, key: string) => term.store.commit({ require: [], writes: [put(key)] });

  it('is handed over at once by one who stops', async () => {
    const a = await Server.start('a');
    expect((await write(await leads(a), 'k')).ok).toBe(true);
    const b = await Server.start('b');
    await until('b knows the leader', deadlineMs, () => b.leadership.leaderUrl);
    expect(b.leadership.leaderUrl).toBe('https://a');
    await a.leadership.stop();
    await leads(b);
    checkReigns(['a', 'b']);
  }, 60_000);

  it('ends, before another one begins, for one who loses etcd', async () => {
    const a = await Server.start('a');
    const term = await leads(a);
    const b = await Server.start('b');
    a.store.client.close();
    await leads(b);
    checkReigns(['a', 'b']);
    expect(term.isValid()).toBe(false);
    await expect(write(term, 'k')).rejects.toMatchObject({ retryable: true });
  }, 60_000);

  it('is over for one who was paused, by its clock and by the fence', async () => {
    const a = await Server.start('a');
    const term = await leads(a);
    a.isPaused = true;
    const b = await Server.start('b');
    const next = await leads(b);
    // No timer has told it, and nothing was asked of etcd: the clock alone says so.
    expect(a.leadership.isLeading).toBe(true);
    expect(term.isValid()).toBe(false);
    await expect(write(term, 'k')).rejects.toMatchObject({ reason: 'LEADERSHIP_LOST' });
    expect(await b.store.get('k')).toBeUndefined();
    expect((await write(next, 'k')).ok).toBe(true);
    a.isPaused = false;
    await until(
      'a follows b',
      deadlineMs,
      () => a.leadership.leaderUrl === 'https://b' || undefined,
    );
    expect(a.leadership.isLeading).toBe(false);
  }, 60_000);

  it('is had by one of many at any moment', async () => {
    const all: Server[] = [];
    // In turn: opening tries etcd with its largest request, which is slow where all do so at once.
    for (const name of ['a', 'b', 'c', 'd', 'e']) all.push(await Server.start(name));
    for (let left = all.length; left > 1; left -= 1) {
      const leader = await until('one leads', deadlineMs, () =>
        all.find(({ leadership }) => leadership.isLeading),
      );
      expect(all.filter(({ term }) => term?.isValid())).toHaveLength(1);
      all.splice(all.indexOf(leader), 1);
      await leader.leadership.stop();
    }
    await until('the last one leads', deadlineMs, () => all[0]?.leadership.isLeading || undefined);
    checkReigns(reigns.map(({ who }) => who));
    expect(new Set(reigns.map(({ who }) => who)).size).toBe(5);
  }, 60_000);
});
