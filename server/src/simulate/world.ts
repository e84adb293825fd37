/**
 * The backends of N hosts that don't exist, in one process: for each a libvirtd, disk files and a
 * switch database, for all of them one OVN northbound with its northd. Everything above the wire is
 * real. A guest gets the address that OVN's DHCP would give it, and its port is up while it is
 * plugged in.
 */
import { createMemoryNodeFiles, type NodeFiles } from '../drivers/libvirt/node-files.js';
import type { Clock, Random } from '../reconcile/clock.js';
import { FakeDiskImages } from '../wire/disk-image/fake.js';
import { FakeLibvirtd } from '../wire/libvirt/fake.js';
import type { OvsdbApi } from '../wire/ovsdb/api.js';
import { FakeOvsdb } from '../wire/ovsdb/fake.js';
import { type FakeNorthd, startFakeNorthd } from '../wire/ovsdb/fake-northd.js';
import { type Northbound, northbound } from '../wire/ovsdb/northbound.js';
import { type OpenVSwitch, openVSwitch } from '../wire/ovsdb/open-vswitch.js';
import { type Southbound, southbound } from '../wire/ovsdb/southbound.js';

/** How a world is made. */
export interface WorldOptions {
  readonly hosts: number;
  readonly clock: Clock;
  /** Seeded for a run that repeats. */
  readonly random: Random;
  /** From a guest's start until its agent answers. */
  readonly agentBootMs?: number;
  readonly cpus?: number;
  readonly memoryMib?: number;
}

/** One simulated host. */
export interface SimulatedHost {
  readonly name: string;
  readonly libvirtd: FakeLibvirtd;
  readonly disks: FakeDiskImages;
  readonly files: NodeFiles;
  readonly ovs: FakeOvsdb<OpenVSwitch>;
}

/** What is left in the backends of a world. */
export interface WorldInventory {
  /** Names of domains, as `<host>/<domain>`. */
  readonly domains: readonly string[];
  /** Paths of disk files, as `<host>:<path>`. */
  readonly files: readonly string[];
  /** Rows in OVN's northbound, by table. */
  readonly rows: Readonly<Record<string, number>>;
}

/** The most hosts of one world. */
export const hostsMax = 1_000;
const agentBootMsDefault = 300;
/** Where simulated hosts keep seeds and consoles. */
const filesRoot = '/simulated';
const kibPerMib = 1_024n;

/** The world; make it with `createWorld`. */
export interface World {
  readonly hosts: readonly SimulatedHost[];
  readonly northbound: FakeOvsdb<Northbound>;
  readonly northd: FakeNorthd;
  /** It has no rows of the hosts: no controllers run on them. */
  readonly southbound: FakeOvsdb<Southbound>;
  /** A client of the northbound for the control plane. */
  connectNorthbound(): OvsdbApi<Northbound>;
  /** The same of the southbound. */
  connectSouthbound(): OvsdbApi<Southbound>;
  /** The host that has a domain of this id. */
  hostOf(uuid: string): SimulatedHost | undefined;
  /** What the backends hold of anybody's. */
  inventory(): WorldInventory;
  stop(): void;
}

/** Makes a world in which nothing has happened yet. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { clock, random } = options;
  const newUuid = (): string => randomUuid(random);
  const nb = new FakeOvsdb({ database: northbound, newUuid });
  const northd = await startFakeNorthd({ client: nb.connect(clock), timers: clock });
  const sb = new FakeOvsdb({ database: southbound, newUuid });
  const client = nb.connect(clock);
  const addressesOf = await followAddresses(client);
  const hosts = Array.from({ length: options.hosts }, (_, index) =>
    createHost(`sim-${index + 1}`, { options, northd, addressesOf, newUuid }),
  );
  return {
    hosts,
    northbound: nb,
    northd,
    southbound: sb,
    connectSouthbound: () => sb.connect(clock),
    connectNorthbound: () => nb.connect(clock),
    hostOf: (uuid) => hosts.find(({ libvirtd }) => libvirtd.all().some((one) => one.uuid === uuid)),
    inventory: () => takeInventory(hosts, nb),
    stop() {
      northd.stop();
      client.close();
    },
  };
}

interface HostContext {
  readonly options: WorldOptions;
  readonly northd: FakeNorthd;
  readonly addressesOf: (interfaceId: string) => readonly string[];
  readonly newUuid: () => string;
}

function createHost(name: string, context: HostContext): SimulatedHost {
  const { options, northd, addressesOf, newUuid } = context;
  const disks = new FakeDiskImages();
  const { machineDisks } = disks;
  const libvirtd = new FakeLibvirtd({
    timers: options.clock,
    hostname: name,
    newUuid,
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
    ...(options.memoryMib === undefined
      ? {}
      : { memoryKib: BigInt(options.memoryMib) * kibPerMib }),
    disks: {
      ...machineDisks,
      exists: (path) => path.startsWith(`${filesRoot}/`) || machineDisks.exists(path),
    },
    guest: {
      agentBootMs: options.agentBootMs ?? agentBootMsDefault,
      addressesFor: ({ interfaceId }) => addressesOf(interfaceId),
      onInterface: (interfaceId, plugged) => {
        if (plugged) northd.plug(interfaceId, name);
        else northd.unplug(interfaceId, name);
      },
    },
  });
  const files = createMemoryNodeFiles(filesRoot);
  const ovs = new FakeOvsdb({ database: openVSwitch, newUuid });
  return { name, libvirtd, disks, files, ovs };
}

/** The addresses that OVN's DHCP gives to an interface, by the port's id. */
async function followAddresses(
  client: OvsdbApi<Northbound>,
): Promise<(interfaceId: string) => readonly string[]> {
  const rows = await client.monitor({
    Logical_Switch_Port: ['name', 'addresses', 'dhcpv4_options'],
  });
  const byName = rows.indexBy('Logical_Switch_Port', ({ name }) => name);
  return (interfaceId) => {
    const [row] = byName.get(interfaceId);
    if (row === undefined || row.dhcpv4_options === null) return [];
    // An entry is a MAC address with the IP addresses after it.
    return row.addresses.flatMap((entry) => entry.split(' ').slice(1));
  };
}

function takeInventory(hosts: readonly SimulatedHost[], nb: FakeOvsdb<Northbound>): WorldInventory {
  const tables = ['Logical_Switch', 'Logical_Switch_Port', 'DHCP_Options'] as const;
  return {
    domains: hosts.flatMap(({ name, libvirtd }) =>
      libvirtd.all().map((domain) => `${name}/${domain.name}`),
    ),
    files: hosts.flatMap(({ name, disks }) => disks.paths.map((path) => `${name}:${path}`)),
    rows: Object.fromEntries(tables.map((table) => [table, nb.count(table)])),
  };
}

/** A version 4 UUID out of the given chance. */
function randomUuid(random: Random): string {
  const bytes = Array.from({ length: 16 }, () => Math.floor(random() * 256));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [8, 12, 16, 20].reduceRight((id, at) => `${id.slice(0, at)}-${id.slice(at)}`, hex);
}
