/**
 * What the wire promises of an OVSDB server, checked against the fake and, where ovsdb-server is
 * installed, against the real one: the same transactions, refusals and notifications.
 */
import { randomUUID } from 'node:crypto';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { createDial } from '../../server/src/wire/ovsdb/endpoint.js';
import { OvsdbError } from '../../server/src/wire/ovsdb/errors.js';
import { FakeOvsdb } from '../../server/src/wire/ovsdb/fake.js';
import { type Northbound, northbound } from '../../server/src/wire/ovsdb/northbound.js';
import { byUuid, type Operation, Operations } from '../../server/src/wire/ovsdb/operations.js';
import { NamedUuid } from '../../server/src/wire/ovsdb/values.js';
import {
  isInstalled,
  processTimers,
  type RealOvsdb,
  schemaFiles,
  startRealOvsdb,
} from './real-ovsdb.js';

const nb = new Operations(northbound);
const WAIT_MS = 10_000;

interface Backend {
  connect(): OvsdbApi<Northbound>;
  /** Ends every connection; the server comes back by itself. */
  breakConnections(): Promise<void>;
  stop(): Promise<void>;
}

function fakeBackend(conditionalMonitors: boolean): Backend {
  const fake = new FakeOvsdb({ database: northbound, newUuid: randomUUID, conditionalMonitors });
  return {
    connect: () => fake.connect(processTimers),
    breakConnections: async () => fake.disconnect(),
    stop: async () => undefined,
  };
}

async function realBackend(address: (server: RealOvsdb) => string): Promise<Backend> {
  const server = await startRealOvsdb(schemaFiles.northbound);
  return {
    connect: () =>
      createOvsdbClient({
        database: northbound,
        endpoints: [address(server)],
        dial: createDial(server.tls),
        timers: processTimers,
      }),
    breakConnections: async () => {
      await server.kill();
      server.start();
    },
    stop: () => server.stop(),
  };
}

const real = isInstalled('ovsdb-server');
const backends: [name: string, make: () => Promise<Backend>][] = [
  ['the fake', async () => fakeBackend(true)],
  ['the fake without conditional monitors', async () => fakeBackend(false)],
  ['ovsdb-server over a unix socket', () => realBackend((server) => server.unix)],
  ['ovsdb-server over TCP', () => realBackend((server) => server.tcp)],
  ['ovsdb-server over TLS', () => realBackend((server) => server.ssl)],
];

describe.each(backends)('%s', (name, make) => {
  const it_ = real || name.startsWith('the fake') ? it : it.skip;
  let backend: Backend;
  let db: OvsdbApi<Northbound>;

  beforeAll(async () => {
    if (it_ === it.skip) return;
    backend = await make();
    db = backend.connect();
  });
  afterAll(async () => {
    db?.close();
    await backend?.stop();
  });

  const addSwitch = async (ids: Record<string, string> = {}): Promise<string> => {
    const [result] = await db.transact([
      nb.insert('Logical_Switch', { name: 'net', external_ids: ids }),
    ]);
    return result?.uuid ?? '';
  };

  const addPort = (switchUuid: string, portName: string): Operation[] => {
    const port = new NamedUuid('port');
    return [
      nb.insert('Logical_Switch_Port', { name: portName, addresses: ['unknown'] }, { name: port }),
      nb.mutate('Logical_Switch', byUuid(switchUuid), [['ports', 'insert', [port]]]),
    ];
  };

  const refusal = async (operations: readonly Operation[]): Promise<OvsdbError> => {
    try {
      await db.transact(operations);
    } catch (error) {
      if (error instanceof OvsdbError) return error;
      throw error;
    }
    throw new Error('the transaction was not refused');
  };

  it_('runs all operations of a transaction, or none', async () => {
    const cache = await db.monitor({ Logical_Switch: ['name'] });
    const before = [...cache.rows('Logical_Switch')].length;
    const error = await refusal([
      nb.insert('Logical_Switch', { name: 'half' }),
      nb.mustExist('Logical_Switch', randomUUID()),
    ]);
    expect(error.reason).toBe('OVSDB_WAIT_FAILED');
    expect(error.operation).toBe(1);
    expect(error.retryable).toBe(true);
    expect([...cache.rows('Logical_Switch')]).toHaveLength(before);
  });

  it_('shows own writes in the cache as soon as the transaction is done', async () => {
    const cache = await db.monitor({ Logical_Switch: ['name', 'ports', 'external_ids'] });
    const byId = cache.indexBy('Logical_Switch', (row) => row.external_ids['id']);
    const id = randomUUID();
    const uuid = await addSwitch({ id, kind: 'test' });
    expect(byId.get(id)).toEqual([
      { uuid, name: 'net', ports: [], external_ids: { id, kind: 'test' } },
    ]);
    const set = { column: 'external_ids', pairs: { kind: 'changed', more: 'yes' } } as const;
    await db.transact([nb.setKeys('Logical_Switch', byUuid(uuid), set)]);
    expect(cache.get('Logical_Switch', uuid)?.external_ids).toEqual({
      id,
      kind: 'changed',
      more: 'yes',
    });
    await db.transact([nb.delete('Logical_Switch', byUuid(uuid))]);
    expect(cache.get('Logical_Switch', uuid)).toBeUndefined();
    expect(byId.get(id)).toEqual([]);
  });

  it_('tells a listener of another client what changed, and how it was', async () => {
    const other = backend.connect();
    const cache = await other.monitor({ Logical_Switch_Port: ['name', 'up', 'addresses'] });
    const seen: unknown[] = [];
    const switchUuid = await addSwitch();
    const done = new Promise<void>((resolve) => {
      cache.onChange((changes) => {
        seen.push(...changes);
        if (changes.some(({ after }) => !after)) resolve();
      });
    });
    const portName = randomUUID();
    const uuid = (await db.transact(addPort(switchUuid, portName)))[0]?.uuid ?? '';
    await db.transact([
      nb.update('Logical_Switch_Port', byUuid(uuid), { up: true, addresses: ['a', 'b'] }),
    ]);
    await db.transact([nb.update('Logical_Switch', byUuid(switchUuid), { ports: [] })]);
    await done;
    const first = { uuid, name: portName, up: null, addresses: ['unknown'] };
    const second = {
      uuid,
      name: portName,
      up: true,
      addresses: expect.arrayContaining(['a', 'b']),
    };
    expect(seen).toEqual([
      { table: 'Logical_Switch_Port', uuid, after: first },
      { table: 'Logical_Switch_Port', uuid, before: first, after: second },
      { table: 'Logical_Switch_Port', uuid, before: second },
    ]);
    other.close();
  });

  it_('loses a row that nothing refers to, without a word', async () => {
    const cache = await db.monitor({ Logical_Switch_Port: ['name'] });
    const [result] = await db.transact([nb.insert('Logical_Switch_Port', { name: randomUUID() })]);
    expect(cache.get('Logical_Switch_Port', result?.uuid ?? '')).toBeUndefined();
  });

  it_('removes the ports of a switch with it, and empties weak references', async () => {
    const cache = await db.monitor({
      Logical_Switch: ['ports'],
      Logical_Switch_Port: ['dhcpv4_options'],
    });
    const [dhcp] = await db.transact([nb.insert('DHCP_Options', { cidr: '10.0.0.0/24' })]);
    const switchUuid = await addSwitch();
    const [port] = await db.transact(addPort(switchUuid, randomUUID()));
    const portUuid = port?.uuid ?? '';
    const dhcpUuid = dhcp?.uuid ?? '';
    await db.transact([
      nb.update('Logical_Switch_Port', byUuid(portUuid), { dhcpv4_options: dhcpUuid }),
    ]);
    expect(cache.get('Logical_Switch_Port', portUuid)?.dhcpv4_options).toBe(dhcpUuid);
    await db.transact([nb.delete('DHCP_Options', byUuid(dhcpUuid))]);
    expect(cache.get('Logical_Switch_Port', portUuid)?.dhcpv4_options).toBeNull();
    expect(cache.get('Logical_Switch', switchUuid)?.ports).toEqual([portUuid]);
    await db.transact([nb.delete('Logical_Switch', byUuid(switchUuid))]);
    expect(cache.get('Logical_Switch_Port', portUuid)).toBeUndefined();
  });

  it_('refuses to delete a row that is strongly referred to', async () => {
    const switchUuid = await addSwitch();
    const [port] = await db.transact(addPort(switchUuid, randomUUID()));
    const error = await refusal([nb.delete('Logical_Switch_Port', byUuid(port?.uuid ?? ''))]);
    expect(error.reason).toBe('OVSDB_REFERENCE_VIOLATION');
    expect(error.operation).toBeUndefined();
    expect(error.detail).toContain(
      `cannot delete Logical_Switch_Port row ${port?.uuid} because of 1 remaining reference(s)`,
    );
  });

  it_('refuses a reference to a row that does not exist', async () => {
    const switchUuid = await addSwitch();
    const error = await refusal([
      nb.mutate('Logical_Switch', byUuid(switchUuid), [['ports', 'insert', [randomUUID()]]]),
    ]);
    expect(error.reason).toBe('OVSDB_REFERENCE_VIOLATION');
    expect(error.detail).toContain('references nonexistent row');
  });

  it_('refuses a second row with the same unique name, in one transaction or two', async () => {
    const switchUuid = await addSwitch();
    const portName = randomUUID();
    await db.transact(addPort(switchUuid, portName));
    const error = await refusal(addPort(switchUuid, portName));
    expect(error.reason).toBe('OVSDB_DUPLICATE');
    expect(error.detail).toContain(
      `Transaction causes multiple rows in "Logical_Switch_Port" table to have identical values`,
    );
  });

  it_(
    'refuses a second row with the same fixed uuid, and takes it again once it is free',
    async () => {
      const uuid = randomUUID();
      const insert = nb.insert('Logical_Switch', { name: 'fixed' }, { uuid });
      const [result] = await db.transact([insert]);
      expect(result?.uuid).toBe(uuid);
      const error = await refusal([insert]);
      expect([error.reason, error.operation]).toEqual(['OVSDB_DUPLICATE', 0]);
      const remove = nb.delete('Logical_Switch', byUuid(uuid));
      expect((await refusal([remove, insert])).reason).toBe('OVSDB_DUPLICATE');
      await db.transact([remove]);
      await db.transact([insert]);
    },
  );

  it_.each([
    ['an unknown table', { op: 'insert', table: 'Nope', row: {} }, 'No table named Nope.'],
    [
      'an unknown column',
      { op: 'insert', table: 'Logical_Switch', row: { nope: 1 } },
      'No column nope in table Logical_Switch.',
    ],
    [
      'a value of the wrong type',
      { op: 'insert', table: 'Logical_Switch', row: { name: 1 } },
      'expected string',
    ],
    [
      'a name for a row that is no identifier',
      { op: 'insert', table: 'Logical_Switch', row: {}, 'uuid-name': 'a-b' },
      "Type mismatch for member 'uuid-name'.",
    ],
    [
      'a reference by a name that is no identifier',
      {
        op: 'mutate',
        table: 'Logical_Switch',
        where: [],
        mutations: [['ports', 'insert', ['named-uuid', 'a-b']]],
      },
      'named-uuid string is not a valid <id>',
    ],
    ['an unknown operation', { op: 'nope' }, 'No operation "nope"'],
    [
      'two values where one fits',
      { op: 'insert', table: 'Logical_Switch_Port', row: { up: ['set', [true, false]] } },
      'set must have 0 to 1 members but 2 are present',
    ],
  ])('refuses %s', async (_what, operation, words) => {
    const error = await refusal([operation]);
    expect(error.reason).toBe('OVSDB_BAD_REQUEST');
    expect(error.retryable).toBe(false);
    expect(error.detail).toContain(words);
  });

  it_('refuses a second row where one is allowed', async () => {
    const [existing] = await db.transact([nb.select('NB_Global', [], ['_uuid'])]);
    if (existing?.rows?.length === 0) await db.transact([nb.insert('NB_Global', {})]);
    const error = await refusal([nb.insert('NB_Global', {})]);
    expect(error.reason).toBe('OVSDB_CONSTRAINT_VIOLATION');
    expect(error.detail).toContain('to contain 2 rows, greater than the schema-defined limit of 1');
  });

  it_('guards an insert with a wait, so that only one of two writers makes the row', async () => {
    const other = backend.connect();
    const id = randomUUID();
    const make = [
      nb.mustBeAbsent('Logical_Switch', [['external_ids', 'includes', { id }]]),
      nb.insert('Logical_Switch', { external_ids: { id } }),
    ];
    const outcomes = await Promise.allSettled([db.transact(make), other.transact(make)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    other.close();
  });

  it_('counts what an operation matched', async () => {
    const id = randomUUID();
    await addSwitch({ id });
    await addSwitch({ id });
    const where = [['external_ids', 'includes', { id }]] as const;
    const results = await db.transact([
      nb.update('Logical_Switch', where, { name: 'counted' }),
      nb.select('Logical_Switch', where, ['name']),
      nb.delete('Logical_Switch', where),
      nb.delete('Logical_Switch', where),
    ]);
    const [updated, selected, deleted, none] = results;
    expect([updated?.count, deleted?.count, none?.count]).toEqual([2, 2, 0]);
    expect(selected?.rows?.[0]).toEqual({ name: 'counted' });
  });

  it_('follows rows across a lost connection and reports what changed meanwhile', async () => {
    const follower = backend.connect();
    const cache = await follower.monitor({ Logical_Switch: ['external_ids'] });
    const gone = await addSwitch({ id: randomUUID() });
    const kept = await addSwitch({ id: randomUUID() });
    await until(() => cache.get('Logical_Switch', kept) !== undefined);
    const changed: string[] = [];
    cache.onChange((changes) => changed.push(...changes.map(({ uuid }) => uuid)));
    const reconnected = new Promise<void>((resolve) => {
      follower.onConnection((connected) => {
        if (connected) resolve();
      });
    });
    await backend.breakConnections();
    const retry = async (): Promise<void> => {
      await db.transact([nb.delete('Logical_Switch', byUuid(gone))]).catch(retry);
    };
    await retry();
    await reconnected;
    await until(() => cache.get('Logical_Switch', gone) === undefined);
    expect(cache.get('Logical_Switch', kept)).toBeDefined();
    expect(changed).toEqual([gone]);
    follower.close();
  });

  it_('takes a thousand ports in one transaction', async () => {
    const switchUuid = await addSwitch();
    const cache = await db.monitor({ Logical_Switch: ['ports'] });
    const operations = Array.from({ length: 1_000 }, (_, index) => {
      const port = new NamedUuid(`p${index}`);
      return [
        nb.insert('Logical_Switch_Port', { name: randomUUID() }, { name: port }),
        nb.mutate('Logical_Switch', byUuid(switchUuid), [['ports', 'insert', [port]]]),
      ];
    }).flat();
    await db.transact(operations);
    expect(cache.get('Logical_Switch', switchUuid)?.ports).toHaveLength(1_000);
  });
});

/** Waits until `holds`, looking again on each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('the condition did not come to hold in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
