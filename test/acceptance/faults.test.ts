/**
 * Something is killed while machines are made on simulated hosts, at moments that a seed decides.
 * After it is back and the same requests were sent again, everything is there exactly once; deleted,
 * nothing is left in any backend. `FAULT_SEED` repeats a run's moments.
 */

import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { seeded } from '../../proto/src/validation/check-testing.js';
import type { Log } from '../../server/src/log.js';
import { isReady } from '../../server/src/resource/conditions.js';
import { typePrefix } from '../../server/src/resource/keys.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { type Base, machineOn, makeBase } from '../harness/declared.js';
import { untilWell } from '../harness/doctor.js';
import { SimulatedHosts } from '../harness/simulated-hosts.js';
import { until } from '../harness/wait.js';

jest.setTimeout(60_000);

const seed = Number(process.env['FAULT_SEED'] ?? Math.floor(Math.random() * 1e9));
process.stderr.write(`faults in simulation: FAULT_SEED=${seed}\n`);

const deadlineMs = 30_000;
const names = ['one', 'two', 'three', 'four'];
const momentsOfVictim = 3;
/** Of the changes that a calm run has, those in which a fault comes; more faults come early. */
const shareOfChanges = 0.9;
const earliness = 1.5;
const linesMax = 60;
const gone = {
  domains: [],
  files: [],
  rows: { Logical_Switch: 0, Logical_Switch_Port: 0, DHCP_Options: 0 },
};

/** Something that is killed, and comes again. */
interface Victim {
  readonly name: string;
  /** Whether guests die with it. */
  readonly takesGuests?: boolean;
  /** Acts at once; resolves when nothing of the victim runs any more. */
  readonly kill: (hosts: SimulatedHosts, node: string) => Promise<void>;
  /** Resolves when those who need it have noticed that it is gone. */
  readonly noticed?: (hosts: SimulatedHosts, node: string) => Promise<unknown>;
  readonly start: (hosts: SimulatedHosts, node: string) => Promise<void>;
}

const victims: readonly Victim[] = [
  {
    name: 'the control plane',
    kill: (hosts) => hosts.killServer(),
    start: (hosts) => hosts.startServer(),
  },
  {
    name: 'an agent',
    kill: (hosts, node) => hosts.killAgent(node),
    start: (hosts, node) => hosts.startAgent(node),
  },
  {
    name: 'a libvirtd',
    kill: async (hosts, node) => libvirtdOf(hosts, node).stop(),
    noticed: (hosts, node) =>
      until('an agent misses its libvirtd', deadlineMs, () => hosts.refusals.get(node)),
    start: async (hosts, node) => libvirtdOf(hosts, node).restart(),
  },
  {
    name: "OVN's northbound",
    kill: async ({ world }) => world.northbound.setReachable(false),
    start: async ({ world }) => world.northbound.setReachable(true),
  },
  {
    name: 'a host',
    takesGuests: true,
    kill: (hosts, node) => hosts.powerOff(node),
    start: (hosts, node) => hosts.powerOn(node),
  },
];

let hosts: SimulatedHosts;
let lines: string[] = [];
let calmChanges = 0;

const write =
  (level: string): Log['info'] =>
  (message, fields) => {
    const text = JSON.stringify(fields, (_, value: unknown) => {
      if (value instanceof Error) return { message: value.message, cause: value.cause };
      return typeof value === 'bigint' ? String(value) : value;
    });
    lines.push(`${level} ${message} ${text}`);
  };
const log: Log = {
  debug: () => undefined,
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
};

async function begin(random: () => number): Promise<Base> {
  lines = [];
  hosts = await SimulatedHosts.up({ hosts: 2, random, log });
  return makeBase(hosts.transport);
}

beforeAll(async () => {
  const base = await begin(randomOf(0));
  await showingLog(async () => {
    hosts.onCommit = fromFirstMachine(() => {
      calmChanges += 1;
    });
    await createAll(base);
    await checkAllThere(await whenReady());
    hosts.onCommit = () => undefined;
    await checkNothingLeft(base);
  });
  await hosts.down();
});

afterEach(async () => {
  await hosts?.down();
});

const moments = Array.from({ length: momentsOfVictim }, (_, moment) => moment);
const rounds = victims.flatMap((victim, at) =>
  moments.map((moment) => ({
    name: victim.name,
    victim,
    moment,
    number: 1 + at * momentsOfVictim + moment,
  })),
);

test.each(rounds)(
  '$name is killed, moment $moment: all is there once, then gone',
  async (round) => {
    const random = randomOf(round.number);
    const share = ((round.moment + random()) / momentsOfVictim) ** earliness * shareOfChanges;
    const changes = Math.floor(share * calmChanges);
    const node = `sim-${1 + Math.floor(random() * 2)}`;
    const base = await begin(random);
    await showingLog(async () => {
      const told = await createWhileKilled({ base, changes, node, victim: round.victim });
      const made = await createAll(base);
      // What a client was told of is what there is.
      expect(made.map(({ id }) => id)).toEqual(told.map((id, at) => id ?? made[at]?.id));
      await checkAllThere(await whenReady());
      await checkNothingLeft(base);
    });
  },
);

/** Kills the victim after some changes, lets it come again; the ids that creates answered with. */
async function createWhileKilled(options: {
  readonly base: Base;
  readonly changes: number;
  readonly node: string;
  readonly victim: Victim;
}): Promise<(string | undefined)[]> {
  const { base, changes, node, victim } = options;
  const killed = new Promise<void>((resolve, reject) => {
    let left = changes;
    hosts.onCommit = fromFirstMachine(() => {
      left -= 1;
      if (left >= 0) return;
      hosts.onCommit = () => undefined;
      victim.kill(hosts, node).then(resolve, reject);
    });
  });
  const creating = names.map((name) => createOne(base, name).catch(() => undefined));
  await killed;
  const made = await Promise.all(creating);
  await victim.noticed?.(hosts, node);
  const { domains } = hosts.world.inventory();
  process.stderr.write(
    `${victim.name} (${node}) killed at change ${changes} of ${calmChanges}, ` +
      `${made.filter(Boolean).length} answers, ${domains.length} domains\n`,
  );
  await victim.start(hosts, node);
  return made.map((resource) => resource?.id);
}

describe('without a control plane', () => {
  let base: Base;
  let vms: VirtualMachine[];

  beforeEach(async () => {
    base = await begin(randomOf(100));
    await createAll(base);
    vms = await whenReady();
    await hosts.stopServer();
  });

  it('starts a guest again that died, and tells when the control plane is back', async () => {
    const [vm] = vms as [VirtualMachine];
    const host = hosts.world.hostOf(vm.id);
    const before = host?.libvirtd.find(vm.id).ref().id;
    host?.libvirtd.kill(vm.id);
    await until('the guest runs again', deadlineMs, () => {
      const domain = host?.libvirtd.find(vm.id);
      return domain?.live !== undefined && domain.ref().id !== before ? true : undefined;
    });
    await hosts.startServer();
    const again = await until('the restart is told of', deadlineMs, async () => {
      const found = (await hosts.client.get(contractTypes.get('vm'), vm.id)) as VirtualMachine;
      return found.status?.restartCount === 1 && isReady(found) ? found : undefined;
    });
    expect(String(again.generation)).toBe(String(vm.generation));
    await checkAllThere(await whenReady());
    await checkNothingLeft(base);
  });

  it('keeps the guests of an agent that starts, and looks after them', async () => {
    const guests = () =>
      hosts.world.hosts.flatMap(({ libvirtd }) =>
        libvirtd.all().map((domain) => `${domain.uuid} ${domain.ref().id}`),
      );
    const before = guests();
    for (const { name } of hosts.world.hosts) {
      await hosts.killAgent(name);
      await hosts.startAgent(name);
    }
    // The agents have come to look after guests as soon as they start one again.
    const killed = hosts.world.hosts.map(({ libvirtd }) => libvirtd.all()[0]);
    for (const domain of killed) domain?.kill();
    for (const domain of killed) {
      await until('the guest runs again', deadlineMs, () => domain?.live && true);
    }
    const kept = before.filter((guest) => killed.every((one) => !guest.startsWith(`${one?.uuid}`)));
    expect(kept.length).toBe(names.length - killed.length);
    expect(guests()).toEqual(expect.arrayContaining(kept));
    await hosts.startServer();
    await checkAllThere(await whenReady());
    expect(guests()).toEqual(expect.arrayContaining(kept));
    await checkNothingLeft(base);
  });
});

function createOne(base: Base, name: string): Promise<AnyResource> {
  const type = contractTypes.get('vm');
  return hosts.client.create(type, machineOn(base, name), `request-${name}`);
}

const createAll = (base: Base): Promise<AnyResource[]> =>
  Promise.all(names.map((name) => createOne(base, name)));

async function whenReady(): Promise<VirtualMachine[]> {
  let seen: VirtualMachine[] = [];
  const look = async () => {
    seen = await hosts.list<VirtualMachine>('vm');
    return seen.length === names.length && seen.every(isReady) ? seen : undefined;
  };
  try {
    return await until('all machines are ready', deadlineMs, look);
  } catch (error) {
    for (const { name, status } of seen) write('seen')(name, { status });
    throw error;
  }
}

/** Four machines, their ports and disks, each once in the API and in the backends. */
async function checkAllThere(vms: readonly VirtualMachine[]): Promise<void> {
  const { world } = hosts;
  const places = await until('each machine has one domain', deadlineMs, () => {
    const { domains } = world.inventory();
    return domains.length === names.length ? domains : undefined;
  });
  const ids = world.hosts.flatMap(({ libvirtd }) => libvirtd.all().map(({ uuid }) => uuid));
  expect(places.length).toBe(ids.length);
  expect(ids.sort()).toEqual(vms.map(({ id }) => id).sort());
  expect(world.inventory().rows).toEqual({
    Logical_Switch: 1,
    Logical_Switch_Port: names.length,
    DHCP_Options: 1,
  });
  const ports = await until('all ports are up', deadlineMs, async () => {
    const found = await hosts.list<Port>('port');
    return found.every(({ status }) => status?.up) ? found : undefined;
  });
  expect(ports.length).toBe(names.length);
  const addresses = vms.flatMap(({ status }) => status?.nics['lan']?.ipAddresses ?? []);
  expect(new Set(addresses).size).toBe(names.length);
  expect(new Set(ports.map(({ status }) => status?.macAddress)).size).toBe(names.length);
  for (const { status } of vms) {
    expect(status?.guestInfo?.nics['lan']?.ipAddresses).toEqual(status?.nics['lan']?.ipAddresses);
  }
  await checkFiles(vms);
  await untilWell(hosts.transport, deadlineMs);
}

/** A file for each volume, on its machine's host; an image per host; where each host has the pool. */
async function checkFiles(vms: readonly VirtualMachine[]): Promise<void> {
  const { world } = hosts;
  const volumes = await hosts.list<Volume>('volume');
  expect(volumes.length).toBe(names.length);
  const { files } = world.inventory();
  const below = (folder: string) => files.filter((file) => file.includes(`/pool/${folder}/`));
  const expected = volumes.map(({ id, owner }) => `${world.hostOf(owner?.id ?? '')?.name} ${id}`);
  const seen = below('volumes').map((file) => {
    const [host, path = ''] = file.split(':');
    return `${host} ${/([^/]+)\.(qcow2|raw)$/.exec(path)?.[1]}`;
  });
  expect(seen.sort()).toEqual(expected.sort());
  const images = below('images').map((file) => file.split(':')[0]);
  expect(new Set(images).size).toBe(images.length);
  const markers = files.filter((file) => file.endsWith('/.limiquantix-pool'));
  const written = files.filter((file) => file.includes('/pools/'));
  expect(written).toHaveLength(markers.length);
  const known = [seen, images, markers, written].map(({ length }) => length);
  expect(known.reduce((sum, count) => sum + count)).toBe(files.length);
  for (const { id } of vms) {
    const home = world.hostOf(id);
    for (const host of world.hosts) {
      expect((await host.files.seedPaths(id)).length).toBe(host === home ? 1 : 0);
    }
  }
}

/** Deletes everything, then looks into all backends. */
async function checkNothingLeft({ poolId, imageId, networkId }: Base): Promise<void> {
  const remove = (type: string, id: string) => hosts.client.delete(contractTypes.get(type), id);
  const none = (type: string) =>
    until(`no ${type} is left`, deadlineMs, async () =>
      (await hosts.list(type)).length === 0 ? true : undefined,
    );
  const vms = await hosts.list<VirtualMachine>('vm');
  await Promise.all(vms.map(({ id }) => remove('vm', id)));
  for (const type of ['vm', 'port', 'volume']) await none(type);
  await remove('network', networkId);
  await remove('image', imageId);
  await none('image');
  await remove('storage_pool', poolId);
  for (const type of ['network', 'storage_pool']) await none(type);
  expect(hosts.world.inventory()).toEqual(gone);
  for (const { files } of hosts.world.hosts) {
    for (const { id } of vms) expect(await files.seedPaths(id)).toEqual([]);
  }
  await untilWell(hosts.transport, deadlineMs);
}

/** Calls `change` for each change from the one that makes the first machine on. */
function fromFirstMachine(change: () => void): SimulatedHosts['onCommit'] {
  const prefix = typePrefix('vm');
  let isMade = false;
  return ({ writes }) => {
    isMade ||= writes.some(({ key }) => key.startsWith(prefix));
    if (isMade) change();
  };
}

/** Adds the log and the replay to what goes wrong. */
async function showingLog(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const replay = `FAULT_SEED=${seed} jest --selectProjects=acceptance faults`;
    process.stderr.write(`${lines.slice(-linesMax).join('\n')}\nreplay: ${replay}\n`);
    throw error;
  }
}

function libvirtdOf({ world }: SimulatedHosts, node: string) {
  const host = world.hosts.find(({ name }) => name === node);
  if (host === undefined) throw new Error(`there is no simulated host ${node}`);
  return host.libvirtd;
}

/** Chance that the seed decides, for a round. */
const randomOf = (round: number): (() => number) => seeded(seed + round * 7_919);
