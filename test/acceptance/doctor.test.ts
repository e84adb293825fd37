/**
 * `limiquantix doctor` on simulated hosts: what is planted behind LimiQuantix's back is named with
 * its owner, a repair mends it, and nothing else is touched.
 */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  StoragePoolSchema,
  StoragePoolSpecSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { newId, systemClock } from '../../server/src/bin/effects.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { domainNameOf, marksXml } from '../../server/src/drivers/libvirt/domain-xml.js';
import { externalIdsOf } from '../../server/src/drivers/ovn/identity.js';
import { nb } from '../../server/src/drivers/ovn/northbound-rows.js';
import type { Clock } from '../../server/src/reconcile/clock.js';
import { isReady } from '../../server/src/resource/conditions.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { SimulatedHost, World } from '../../server/src/simulate/world.js';
import { formatXml } from '../../server/src/wire/libvirt/xml.js';
import { openVSwitch } from '../../server/src/wire/ovsdb/open-vswitch.js';
import { Operations } from '../../server/src/wire/ovsdb/operations.js';
import { southbound } from '../../server/src/wire/ovsdb/southbound.js';
import { CommandLine } from '../harness/command-line.js';
import { type Base, machineOn, makeBase } from '../harness/declared.js';
import { until } from '../harness/wait.js';

jest.setTimeout(60_000);

const deadlineMs = 30_000;
/** What agents do by themselves once a minute, such as to sweep, they never do here. */
const patient: Clock = {
  nowMs: () => systemClock.nowMs(),
  after: (delayMs, act) => (delayMs === 60_000 ? () => undefined : systemClock.after(delayMs, act)),
};
const lost = randomUUID();
/** The id of a node that doesn't exist. */
const lostNode = newId();
let commandLine: CommandLine;
let client: ResourceClient;
let base: Base;
let vms: readonly VirtualMachine[];

/** A finding as `doctor -o json` tells it. */
interface Told {
  readonly kind: string;
  readonly place: string;
  readonly object_name: string;
  readonly owner?: { readonly type: string; readonly id: string; readonly name: string };
  readonly remedy?: string;
}

const list = async <R>(type: string): Promise<R[]> =>
  (await client.list(contractTypes.get(type))) as R[];

const world = (): World => {
  const { simulation } = commandLine.server;
  if (simulation === undefined) throw new Error('no simulation');
  return simulation.world;
};

const hostAt = (at: number): SimulatedHost => {
  const host = world().hosts[at];
  if (host === undefined) throw new Error('no such host');
  return host;
};

const doctor = (...args: string[]) => commandLine.run(['doctor', ...args]);

async function findings(...args: string[]): Promise<Told[]> {
  const { stdout } = await doctor('-o', 'json', ...args);
  return (JSON.parse(stdout) as { findings?: Told[] }).findings ?? [];
}

const brief = ({ kind, place, owner, remedy }: Told): string =>
  [kind, place, owner ? `${owner.type}/${owner.id}` : 'nobody', remedy ?? 'none'].join(' ');

const domain = (name: string, id: string, metadata: string): string =>
  `<domain type='qemu'><name>${name}</name><uuid>${id}</uuid><metadata>${metadata}</metadata>` +
  "<memory unit='KiB'>262144</memory><vcpu>1</vcpu>" +
  "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices/></domain>";

const marks = (vmId: string): string => {
  const none = { restarts: 0, restartsInRow: 0, startedAtMs: 0, operationId: '' };
  const power = 'defined' as const;
  return formatXml(marksXml({ vmId, projectId: 'default', generation: 1n, power, ...none }, true));
};

/** Rows in the southbound of hosts that are gone, by the names of their chassis. */
async function plantChassis(names: readonly string[]): Promise<void> {
  const sb = new Operations(southbound);
  const client = world().connectSouthbound();
  for (const [at, name] of names.entries()) {
    const [encap, row] = [randomUUID(), randomUUID()];
    const ip = `192.0.2.${10 + at}`;
    await client.transact([
      sb.insert('Encap', { type: 'geneve', ip, chassis_name: name }, { uuid: encap }),
      sb.insert('Chassis', { name, hostname: `old-${at}`, encaps: [encap] }, { uuid: row }),
      sb.insert('Chassis_Private', { name, chassis: row }),
    ]);
  }
  client.close();
}

/** Plugs an interface of a port into a host's bridge, as a guest that was killed leaves it. */
async function plugIn(host: SimulatedHost, portId: string): Promise<void> {
  const ovs = new Operations(openVSwitch);
  const client = host.ovs.connect(systemClock);
  const [port, row] = [randomUUID(), randomUUID()];
  await client.transact([
    ovs.insert('Interface', { name: 'vnet9', external_ids: { 'iface-id': portId } }, { uuid: row }),
    ovs.insert('Port', { name: 'vnet9', interfaces: [row] }, { uuid: port }),
    ovs.mutate('Bridge', [['name', '==', 'br-int']], [['ports', 'insert', [port]]]),
  ]);
  client.close();
}

beforeAll(async () => {
  commandLine = await CommandLine.start(2, patient);
  const transport = createTransport(commandLine.server.profile);
  client = new ResourceClient(transport);
  base = await makeBase(transport);
  for (const name of ['one', 'two', 'three']) {
    await client.create(contractTypes.get('vm'), machineOn(base, name));
  }
  vms = await until('all is ready', deadlineMs, async () => {
    const types = ['vm', 'volume', 'port', 'node', 'network'];
    const all = (await Promise.all(types.map((type) => list<AnyResource>(type)))).flat();
    return all.every(isReady) ? list<VirtualMachine>('vm') : undefined;
  });
});

afterAll(async () => {
  await commandLine?.stop();
});

const volumePath = (id: string): string => `/var/lib/pool/volumes/${id}.qcow2`;

test('says that all is well, and where it looked', async () => {
  const { code, stdout } = await doctor();
  expect(stdout).toMatch(/^all is well; looked at \d+ objects on 2 nodes and the control plane\n$/);
  expect(code).toBe(0);
});

test('names what was planted with its owner, and changes nothing', async () => {
  const { libvirtd, disks } = hostAt(0);
  const [strayDomain, strayPort, strayVolume] = [randomUUID(), randomUUID(), lost];
  const [strayImage, strayContent] = [randomUUID(), randomUUID()];
  const [strayFolder, strayTap] = [randomUUID(), randomUUID()];
  await disks.create({
    ...{ path: `/var/lib/pool/images/${strayImage}`, format: 'raw', virtualBytes: 1_048_576 },
  });
  await writeFile(join(commandLine.directory, 'images', strayContent), 'no image any more');
  await hostAt(0).files.write(`/simulated/${strayFolder}/seed-1.iso`, Buffer.alloc(1));
  libvirtd.define(domain(domainNameOf(strayDomain), strayDomain, marks(strayDomain)));
  libvirtd.define(domain('made-by-hand', randomUUID(), ''));
  await disks.create({ path: volumePath(strayVolume), format: 'qcow2', virtualBytes: 1_048_576 });
  const [twin] = vms as [VirtualMachine];
  const home = world().hostOf(twin.id);
  const other = world().hosts.find((host) => host !== home) as SimulatedHost;
  const definition = home?.libvirtd.find(twin.id).persistent;
  if (definition === undefined) throw new Error('the machine is not defined');
  other.libvirtd.define(formatXml(definition));
  const northbound = world().connectNorthbound();
  const port = { id: strayPort, name: 'old' } as unknown as AnyResource;
  const columns = { name: strayPort, external_ids: externalIdsOf('port', port) };
  await northbound.transact([
    nb.insert('Logical_Switch_Port', columns, { uuid: strayPort }),
    nb.mutate(
      'Logical_Switch',
      [['name', '==', base.networkId]],
      [['ports', 'insert', [strayPort]]],
    ),
  ]);
  northbound.close();
  await plugIn(hostAt(0), strayTap);
  await plantChassis([lostNode, randomUUID()]);
  const before = world().inventory();

  const found = await findings('--foreign');
  expect(found.map(brief).sort()).toEqual(
    [
      `stray sim-1 vm/${strayDomain} remove`,
      `stray sim-1 volume/${strayVolume} remove_data`,
      `duplicate ${other.name} vm/${twin.id} remove`,
      `stray control plane port/${strayPort} remove`,
      `stray control plane image/${strayContent} remove`,
      `stray control plane node/${lostNode} remove`,
      'foreign control plane nobody none',
      `stray sim-1 image/${strayImage} remove`,
      `stray sim-1 vm/${strayFolder} remove`,
      `stray sim-1 port/${strayTap} remove`,
      'foreign sim-1 nobody none',
    ].sort(),
  );
  expect(found.find(({ owner }) => owner?.id === strayPort)?.owner?.name).toBe('old');
  expect(found.find(({ owner }) => owner?.id === twin.id)?.owner?.name).toBe(twin.name);
  const { code, stdout } = await doctor();
  expect(code).toBe(9);
  expect(stdout).toContain(`libvirt domain ${domainNameOf(strayDomain)}`);
  expect(stdout).not.toContain('made-by-hand');
  expect(stdout).toMatch(/9 findings; .*\n\nlimiquantix doctor --repair removes 8\n/);
  expect(world().inventory()).toEqual(before);
});

test('repairs what holds no data, then data where that is asked for, and touches nothing else', async () => {
  const repaired = await doctor('--repair');
  expect(repaired.stdout.match(/^mended: /gm)).toHaveLength(8);
  expect([world().southbound.count('Chassis'), world().southbound.count('Encap')]).toEqual([1, 1]);
  expect((await findings()).map(brief)).toEqual([`stray sim-1 volume/${lost} remove_data`]);
  expect(repaired.code).toBe(9);

  const { code, stdout } = await doctor('--repair', '--delete-data');
  expect(stdout).toContain(`mended: stray directory volume file ${volumePath(lost)}`);
  expect(code).toBe(0);
  expect((await findings('--foreign')).map(brief).sort()).toEqual([
    'foreign control plane nobody none',
    'foreign sim-1 nobody none',
  ]);
  const { domains, files, rows } = world().inventory();
  expect(domains).toHaveLength(vms.length + 1);
  expect(files.filter((path) => path.includes('/volumes/'))).toHaveLength(vms.length);
  expect(rows).toEqual({ Logical_Switch: 1, Logical_Switch_Port: 3, DHCP_Options: 1 });
  expect((await list<VirtualMachine>('vm')).every(isReady)).toBe(true);
});

test('finds what a host has of a pool that was removed by force while the host was away', async () => {
  const { simulation } = commandLine.server;
  const type = contractTypes.get('storage_pool');
  const backend = { case: 'directory' as const, value: { path: '/var/lib/old' } };
  const spec = create(StoragePoolSpecSchema, { backend });
  const { id } = await client.create(type, create(StoragePoolSchema, { name: 'old', spec }));
  const hasIt = ({ disks }: SimulatedHost) =>
    disks.paths.includes('/var/lib/old/.limiquantix-pool');
  await until('both hosts have it', deadlineMs, async () =>
    world().hosts.every(hasIt) && (await doctor()).code === 0 ? true : undefined,
  );
  await simulation?.stopAgent('sim-2');
  await client.delete(type, id, true);
  await until('its record is gone', deadlineMs, async () =>
    (await list<AnyResource>('storage_pool')).some((pool) => pool.id === id) ? undefined : true,
  );
  const orphan = `/var/lib/old/volumes/${lost}.qcow2`;
  await hostAt(1).disks.create({ path: orphan, format: 'qcow2', virtualBytes: 1_048_576 });
  await simulation?.startAgent('sim-2');
  const left = [
    `stray sim-2 storage_pool/${id} remove_data`,
    `stray sim-2 volume/${lost} remove_data`,
  ];
  await until('they are found', deadlineMs, async () =>
    (await findings()).map(brief).sort().join() === left.join() ? true : undefined,
  );
  expect((await findings()).find(({ owner }) => owner?.id === id)?.owner?.name).toBe('old');

  expect((await doctor('--repair')).code).toBe(9);
  expect((await findings()).map(brief).sort()).toEqual(left);
  const { code, stdout } = await doctor('--repair', '--delete-data');
  expect(stdout).toContain('mended: stray directory pool marker /var/lib/old/.limiquantix-pool');
  expect(code).toBe(0);
  expect(
    world()
      .inventory()
      .files.filter((path) => path.includes('/var/lib/old')),
  ).toEqual([]);
  expect(
    world()
      .inventory()
      .files.filter((path) => path.includes(id)),
  ).toEqual([]);
});

test('names a volume whose file is gone, and is content once somebody has brought it back', async () => {
  const [volume] = await list<AnyResource & { status: { nodeId: string } }>('volume');
  const nodes = await list<AnyResource>('node');
  const name = nodes.find(({ id }) => id === volume?.status.nodeId)?.name;
  const disks = world().hosts.find((host) => host.name === name)?.disks;
  const path = volumePath(volume?.id ?? '');
  await disks?.remove(path);
  expect((await findings()).map(brief)).toContain(`missing ${name} volume/${volume?.id} reconcile`);

  await disks?.create({ path, format: 'qcow2', virtualBytes: 1_073_741_824 });
  const { code, stdout } = await doctor('--repair');
  expect(stdout).toContain('all is well');
  expect(code).toBe(0);
});

test('does not take what it could not ask for well', async () => {
  const { simulation } = commandLine.server;
  await simulation?.stopAgent('sim-2');
  const { code, stdout } = await doctor();
  expect(stdout).toMatch(/^unreachable +sim-2 .*its agent is not connected/m);
  expect(code).toBe(9);
  await simulation?.startAgent('sim-2');
  await until('all is well again', deadlineMs, async () =>
    (await doctor()).code === 0 ? true : undefined,
  );
});

test('refuses to delete data without a repair, and tells what it does', async () => {
  expect(await doctor('--delete-data')).toMatchObject({ code: 2, stdout: '' });
  expect((await doctor('--help')).stdout).toMatch(/exits with 0\nwhere all is well/);
});
