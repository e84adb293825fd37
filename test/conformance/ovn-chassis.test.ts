/**
 * A host as a chassis, against the fake switch database and, where ovsdb-server is installed, a
 * real one with the real schema (no ovs-vswitchd: nothing of the host is touched).
 */
import { randomUUID } from 'node:crypto';
import { Chassis, type ChassisSettings } from '../../server/src/drivers/ovn/chassis.js';
import type { HostKernel } from '../../server/src/drivers/ovn/datapath.js';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { createDial } from '../../server/src/wire/ovsdb/endpoint.js';
import { FakeOvsdb } from '../../server/src/wire/ovsdb/fake.js';
import { type OpenVSwitch, openVSwitch } from '../../server/src/wire/ovsdb/open-vswitch.js';
import { byUuid, type Operation, Operations } from '../../server/src/wire/ovsdb/operations.js';
import { NamedUuid } from '../../server/src/wire/ovsdb/values.js';
import { isInstalled, processTimers, schemaFiles, startRealOvsdb } from './real-ovsdb.js';

const ovs = new Operations(openVSwitch);

interface Backend {
  connect(): OvsdbApi<OpenVSwitch>;
  stop(): Promise<void>;
}

async function startFake(): Promise<Backend> {
  const fake = new FakeOvsdb({ database: openVSwitch, newUuid: randomUUID });
  return { connect: () => fake.connect(processTimers), stop: async () => undefined };
}

async function startReal(): Promise<Backend> {
  const server = await startRealOvsdb(schemaFiles.openVSwitch);
  const options = { database: openVSwitch, timers: processTimers, dial: createDial() };
  return {
    connect: () => createOvsdbClient({ ...options, endpoints: [server.unix] }),
    stop: () => server.stop(),
  };
}

const settings: ChassisSettings = {
  nodeId: '0190a000-0000-7000-8000-000000000001',
  hostname: 'host1',
  southbound: 'tcp:10.0.0.1:6642',
  encapIp: '10.0.1.1',
};

/** A kernel with the module, one that loads it, or one that has none. */
function kernel(module: 'loaded' | 'loadable' | 'absent'): HostKernel {
  let loaded = module === 'loaded';
  return {
    hasOpenVSwitch: async () => loaded,
    loadOpenVSwitch: async () => {
      loaded ||= module === 'loadable';
    },
  };
}

/** What libvirt and OVS write for a guest's interface. */
function plug(name: string, portId: string, state: { ofport?: number; error?: string } = {}) {
  const id = name.replaceAll('-', '_');
  const [device, port] = [new NamedUuid(`i_${id}`), new NamedUuid(`p_${id}`)];
  const row = { name, external_ids: { 'iface-id': portId }, ...state };
  return [
    ovs.insert('Interface', row, { name: device }),
    ovs.insert('Port', { name, interfaces: [device] }, { name: port }),
    ovs.mutate('Bridge', [['name', '==', 'br-int']], [['ports', 'insert', [port]]]),
  ] satisfies Operation[];
}

describe.each([
  ['the fake switch database', startFake, true],
  ['ovsdb-server (skipped where it is missing)', startReal, isInstalled('ovsdb-server')],
])('a chassis on %s', (_name, start, isThere) => {
  const test_ = isThere ? it : it.skip;
  let backend: Backend;
  let api: OvsdbApi<OpenVSwitch>;

  beforeEach(async () => {
    if (!isThere) return;
    backend = await start();
    api = backend.connect();
  });
  afterEach(async () => {
    api?.close();
    await backend?.stop();
  });

  const watch = () =>
    api.monitor({
      Open_vSwitch: ['external_ids', 'bridges'],
      Bridge: ['name', 'datapath_type', 'fail_mode', 'ports'],
      Port: ['name'],
    });
  const portNames = async (): Promise<string[]> =>
    [...(await watch()).rows('Port')].map(({ name }) => name).sort();

  test_('gets its settings and its bridge in a database that is empty', async () => {
    const chassis = new Chassis({ api, kernel: kernel('absent'), settings });
    expect(await chassis.reconcile()).toEqual({ datapath: 'netdev', purged: [], changed: true });
    const rows = await watch();
    const [bridge] = rows.rows('Bridge');
    expect([...rows.rows('Open_vSwitch')]).toMatchObject([
      {
        bridges: [bridge?.uuid],
        external_ids: {
          'system-id': settings.nodeId,
          hostname: 'host1',
          'ovn-remote': 'tcp:10.0.0.1:6642',
          'ovn-encap-type': 'geneve',
          'ovn-encap-ip': '10.0.1.1',
          'ovn-bridge-datapath-type': 'netdev',
        },
      },
    ]);
    expect(bridge).toMatchObject({ name: 'br-int', datapath_type: 'netdev', fail_mode: 'secure' });
    expect(await chassis.reconcile()).toMatchObject({ changed: false });
  });

  test_('keeps what others wrote, and repairs what they changed', async () => {
    await api.transact([ovs.insert('Open_vSwitch', { external_ids: { rack: '7' } })]);
    const chassis = new Chassis({ api, kernel: kernel('loaded'), settings });
    await chassis.reconcile();
    const pairs = { 'ovn-encap-ip': '192.0.2.1' };
    const rows = await watch();
    const [row] = rows.rows('Open_vSwitch');
    const uuid = row?.uuid ?? '';
    await api.transact([
      ovs.setKeys('Open_vSwitch', byUuid(uuid), { column: 'external_ids', pairs }),
      ovs.update('Bridge', [['name', '==', 'br-int']], { fail_mode: 'standalone' }),
    ]);
    expect(await chassis.reconcile()).toMatchObject({ changed: true, datapath: 'system' });
    expect(rows.get('Open_vSwitch', uuid)?.external_ids).toMatchObject({
      rack: '7',
      'ovn-encap-ip': '10.0.1.1',
    });
    expect([...rows.rows('Bridge')]).toMatchObject([{ fail_mode: 'secure' }]);
  });

  test_('is made once by two agents at the same time', async () => {
    const other = backend.connect();
    const make = (client: OvsdbApi<OpenVSwitch>) =>
      new Chassis({ api: client, kernel: kernel('absent'), settings });
    await Promise.allSettled([make(api).reconcile(), make(other).reconcile()]);
    const rows = await watch();
    expect([...rows.rows('Bridge')]).toHaveLength(1);
    expect(await make(other).reconcile()).toMatchObject({ changed: false });
    other.close();
  });

  test_('loses the interfaces of an earlier boot, and only those', async () => {
    const chassis = new Chassis({ api, kernel: kernel('absent'), settings });
    await chassis.reconcile();
    const [running, gone, moved] = [randomUUID(), randomUUID(), randomUUID()];
    const failed = { ofport: -1, error: 'could not open network device vnet2 (No such device)' };
    await api.transact([
      ...plug('vnet0', running, { ofport: 5 }),
      ...plug('vnet1', gone, { ofport: 6 }),
      ...plug('vnet2', moved, failed),
      ...plug('vnet3', moved, { ofport: 7 }),
      ...plug('ovn-other-0', 'tunnel'),
    ]);
    expect(await chassis.reconcile()).toMatchObject({ purged: [], changed: false });
    const report = await chassis.reconcile(new Set([running, moved]));
    expect([...report.purged].sort()).toEqual(['vnet1', 'vnet2']);
    expect(await portNames()).toEqual(['br-int', 'ovn-other-0', 'vnet0', 'vnet3']);
    expect(await chassis.reconcile(new Set([running, moved]))).toMatchObject({ changed: false });
  });

  test_.each([
    ['loaded', 'system'],
    ['loadable', 'system'],
    ['absent', 'netdev'],
  ] as const)('uses, with the kernel module %s, the datapath %s', async (module, datapath) => {
    const chassis = new Chassis({ api, kernel: kernel(module), settings });
    expect(await chassis.reconcile()).toMatchObject({ datapath });
    const fixed = { ...settings, datapath: 'netdev' } as const;
    const forced = new Chassis({ api, kernel: kernel(module), settings: fixed });
    expect(await forced.reconcile()).toMatchObject({ datapath: 'netdev' });
  });

  test_('says that the switch database is away, for the loop to try again', async () => {
    const chassis = new Chassis({ api, kernel: kernel('absent'), settings });
    api.close();
    await expect(chassis.reconcile()).rejects.toMatchObject({
      reason: 'OVSDB_DISCONNECTED',
      retryable: true,
    });
  });
});
