import { randomUUID } from 'node:crypto';
import type { Timers } from './api.js';
import { CONNECTION_WAIT_MS, createOvsdbClient, TRANSACT_TIMEOUT_MS } from './client.js';
import type { Dial } from './endpoint.js';
import { FakeOvsdb } from './fake.js';
import { startFakeNorthd } from './fake-northd.js';
import { northbound } from './northbound.js';
import { byUuid, Operations } from './operations.js';
import { PROBE_INTERVAL_MS } from './session.js';
import { NamedUuid } from './values.js';

const nb = new Operations(northbound);
const insert = nb.insert('Logical_Switch', { name: 'net' });

/** Time that moves only when told to. */
class ManualTimers implements Timers {
  private nowMs = 0;
  private readonly due = new Map<() => void, number>();

  after(delayMs: number, run: () => void): () => void {
    const entry = (): void => run();
    this.due.set(entry, this.nowMs + delayMs);
    return () => this.due.delete(entry);
  }

  async advance(ms: number): Promise<void> {
    await settle();
    const end = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.due].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1]);
      if (!next) break;
      this.due.delete(next[0]);
      this.nowMs = next[1];
      next[0]();
      await settle();
    }
    this.nowMs = end;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setup = (options: { conditionalMonitors?: boolean } = {}) => {
  const timers = new ManualTimers();
  const fake = new FakeOvsdb({ database: northbound, newUuid: randomUUID, ...options });
  return { timers, fake, db: fake.connect(timers) };
};

describe('the client', () => {
  it('fails a write that hangs, and moves to the next server', async () => {
    const timers = new ManualTimers();
    const servers = [1, 2].map(() => new FakeOvsdb({ database: northbound, newUuid: randomUUID }));
    const dialed: string[] = [];
    const dial: Dial = (endpoint, events) => {
      dialed.push(endpoint);
      const server = servers[endpoint.endsWith('1') ? 0 : 1];
      if (!server) throw new Error('no server');
      return server.dial(endpoint, events);
    };
    const endpoints = ['tcp:h:1', 'tcp:h:2'];
    const db = createOvsdbClient({ database: northbound, endpoints, dial, timers });
    servers[0]?.failNext({ kind: 'hang' });
    const outcome = db.transact([insert]).catch((error: unknown) => error);
    await timers.advance(TRANSACT_TIMEOUT_MS);
    expect(await outcome).toMatchObject({ reason: 'OVSDB_TIMEOUT', retryable: true });
    await timers.advance(1_000);
    await db.transact([insert]);
    expect(dialed).toEqual(endpoints);
    expect(servers[1]?.count('Logical_Switch')).toBe(1);
    db.close();
  });

  it('waits for a connection, but not forever', async () => {
    const { timers, fake, db } = setup();
    fake.setReachable(false);
    const late = db.transact([insert]).catch((error: unknown) => error);
    await timers.advance(CONNECTION_WAIT_MS);
    expect(await late).toMatchObject({ reason: 'OVSDB_DISCONNECTED', retryable: true });
    const early = db.transact([insert]);
    fake.setReachable(true);
    await timers.advance(CONNECTION_WAIT_MS - 1);
    expect(await early).toHaveLength(1);
    db.close();
  });

  it.each([
    ['lose-request', 0],
    ['lose-answer', 1],
  ] as const)('says that it cannot know after %s', async (kind, rows) => {
    const { timers, fake, db } = setup();
    fake.failNext({ kind });
    await expect(db.transact([insert])).rejects.toMatchObject({ reason: 'OVSDB_DISCONNECTED' });
    expect(fake.count('Logical_Switch')).toBe(rows);
    const again = db.transact([insert]);
    await timers.advance(1_000);
    await again;
    db.close();
  });

  it('keeps a quiet connection and gives up a dead one', async () => {
    const { timers, db } = setup();
    const seen: boolean[] = [];
    db.onConnection((connected) => seen.push(connected));
    await timers.advance(10 * PROBE_INTERVAL_MS);
    expect(seen).toEqual([true]);
    let dials = 0;
    const silent: Dial = (_endpoint, events) => {
      dials += 1;
      queueMicrotask(() => events.opened());
      return { send: () => undefined, close: () => undefined };
    };
    const options = { database: northbound, endpoints: ['unix:x'], dial: silent, timers };
    const deaf = createOvsdbClient(options);
    const outcome = deaf.monitor({ NB_Global: ['name'] }).catch((error: unknown) => error);
    await timers.advance(3 * PROBE_INTERVAL_MS);
    expect(deaf.connected).toBe(false);
    expect(dials).toBeGreaterThan(1);
    expect(await outcome).toMatchObject({ reason: 'OVSDB_DISCONNECTED' });
    deaf.close();
    db.close();
  });

  it('refuses a monitor of a column that the server does not have', async () => {
    const { db } = setup();
    const request = { Logical_Switch: ['nope'] } as unknown as { Logical_Switch: ['name'] };
    await expect(db.monitor(request)).rejects.toMatchObject({ reason: 'OVSDB_BAD_REQUEST' });
    expect(db.connected).toBe(true);
    db.close();
  });

  it('fails what waits when it is closed', async () => {
    const { fake, db } = setup();
    fake.setReachable(false);
    const waiting = db.transact([insert]);
    db.close();
    await expect(waiting).rejects.toMatchObject({ reason: 'OVSDB_DISCONNECTED' });
    await expect(db.transact([insert])).rejects.toMatchObject({ reason: 'OVSDB_DISCONNECTED' });
  });
});

describe('the fake northd', () => {
  it('brings a port up while its interface is plugged, in whichever order', async () => {
    const { timers, fake, db } = setup();
    const northd = await startFakeNorthd({ client: fake.connect(timers), timers });
    const cache = await db.monitor({ Logical_Switch_Port: ['name', 'up'] });
    const state = (): unknown[] =>
      [...cache.rows('Logical_Switch_Port')].map(({ name, up }) => [name, up]);
    const add = async (name: string): Promise<void> => {
      const port = new NamedUuid('p');
      await db.transact([
        nb.insert('Logical_Switch_Port', { name }, { name: port }),
        nb.insert('Logical_Switch', { ports: [port] }),
      ]);
    };
    northd.plug('early', 'one');
    await add('early');
    await add('late');
    await timers.advance(100);
    expect(state()).toEqual([
      ['early', true],
      ['late', false],
    ]);
    northd.plug('late', 'one');
    northd.plug('late', 'two');
    northd.unplug('late', 'one');
    await timers.advance(100);
    expect(state()[1]).toEqual(['late', true]);
    northd.unplugAll('one');
    northd.unplug('late', 'two');
    await timers.advance(100);
    expect(state()).toEqual([
      ['early', false],
      ['late', false],
    ]);
    northd.stop();
    db.close();
  });

  it('carries nb_cfg on to the chassis', async () => {
    const { timers, fake, db } = setup();
    const northd = await startFakeNorthd({ client: fake.connect(timers), timers });
    const cache = await db.monitor({ NB_Global: ['nb_cfg', 'hv_cfg'] });
    await db.transact([nb.mutate('NB_Global', [], [['nb_cfg', '+=', 1]])]);
    await timers.advance(100);
    expect([...cache.rows('NB_Global')]).toMatchObject([{ nb_cfg: 1, hv_cfg: 1 }]);
    northd.stop();
    db.close();
  });
});

describe('the fake with 10,000 rows', () => {
  it('finds, changes and removes single rows without walking over all', async () => {
    const { fake, db } = setup();
    const [net] = await db.transact([insert]);
    const uuid = net?.uuid ?? '';
    const cache = await db.monitor({ Logical_Switch_Port: ['name', 'external_ids'] });
    for (let batch = 0; batch < 100; batch += 1) {
      const operations = Array.from({ length: 100 }, (_, index) => {
        const port = new NamedUuid(`p${index}`);
        const name = `${batch}-${index}`;
        const row = { name, external_ids: { id: name } };
        return [
          nb.insert('Logical_Switch_Port', row, { name: port }),
          nb.mutate('Logical_Switch', byUuid(uuid), [['ports', 'insert', [port]]]),
        ];
      }).flat();
      await db.transact(operations);
    }
    expect(fake.count('Logical_Switch_Port')).toBe(10_000);
    const startedMs = performance.now();
    for (const { uuid: port, name } of [...cache.rows('Logical_Switch_Port')].slice(0, 2_000)) {
      await db.transact([
        nb.update('Logical_Switch_Port', [['external_ids', 'includes', { id: name }]], {
          up: true,
        }),
        nb.mutate('Logical_Switch', byUuid(uuid), [['ports', 'delete', [port]]]),
      ]);
    }
    expect(fake.count('Logical_Switch_Port')).toBe(8_000);
    // Copies of the switch's 10,000 ports would take minutes; lookups take some 50 ms.
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    db.close();
  });
});
