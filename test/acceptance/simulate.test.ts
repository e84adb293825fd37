/**
 * The whole path without any real backend: a control plane with simulated nodes, driven through its
 * API. Drivers, loops, agents and streams are the real ones; only libvirtd, disks, OVS and OVN are
 * in memory.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { type Node, NodePhase } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  DiskSpecSchema,
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { UploadService } from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import { ImageSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import type { Log } from '../../server/src/log.js';
import { isReady } from '../../server/src/resource/conditions.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';

const deadlineMs = 30_000;
jest.setTimeout(120_000);

const content = Buffer.concat([Buffer.from('a guest image'), Buffer.alloc(1_048_576 - 13, 7)]);

/** Everything that a failed wait should show. */
const lines: string[] = [];
const write =
  (level: string): Log['info'] =>
  (message, fields) => {
    const text = JSON.stringify(fields, (_, value: unknown) =>
      value instanceof Error
        ? { message: value.message, stack: value.stack, cause: value.cause }
        : typeof value === 'bigint'
          ? String(value)
          : value,
    );
    lines.push(`${level} ${message} ${text}`);
  };
const log: Log = {
  debug: () => undefined,
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
};

let directory = '';
let server: RunningServer;
let transport: Transport;
let client: ResourceClient;

async function start(): Promise<void> {
  server = await startServer({
    dataDirectory: directory,
    listen: ['127.0.0.1:0'],
    names: [],
    simulate: 2,
    clock: systemClock,
    random: Math.random,
    log,
    version: 'test',
  });
  transport = createTransport(server.profile);
  client = new ResourceClient(transport);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lqx-simulate-'));
  await start();
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

/** The first value that isn't undefined. */
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > endMs) {
      throw new Error(`not within ${deadlineMs} ms: ${what}\n${lines.slice(-40).join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));

/** Watches a resource until it is ready for its newest spec. */
async function whenReady<R extends AnyResource>(type: string, id: string): Promise<R> {
  const deadline = AbortSignal.timeout(deadlineMs);
  let last: AnyResource | undefined;
  try {
    const events = client.watch(contractTypes.get(type), { filter: `id=${id}`, signal: deadline });
    for await (const { resource } of events) {
      last = resource ?? last;
      if (resource !== undefined && isReady(resource)) return resource as R;
    }
  } catch (error) {
    if (!deadline.aborted) throw error;
  }
  const seen = show(last?.status);
  throw new Error(`${type} ${last?.name} is not ready: ${seen}\n${lines.slice(-40).join('\n')}`);
}

async function make<R extends AnyResource>(type: string, resource: AnyResource): Promise<R> {
  return (await client.create(contractTypes.get(type), resource)) as R;
}

const list = async <R extends AnyResource>(type: string): Promise<R[]> =>
  (await client.list(contractTypes.get(type))) as R[];

async function upload(imageId: string): Promise<void> {
  const uploads = createClient(UploadService, transport);
  const half = content.length / 2;
  for (const offset of [0, half]) {
    await uploads.writeChunk({
      type: 'image',
      id: imageId,
      offset: BigInt(offset),
      data: content.subarray(offset, offset + half),
    });
  }
}

interface Ids {
  readonly poolId: string;
  readonly imageId: string;
  readonly networkId: string;
}

function machine(name: string, ids: Ids): VirtualMachine {
  const { poolId, imageId, networkId } = ids;
  const spec: MessageInitShape<typeof VirtualMachineSchema>['spec'] = {
    cpu: { cores: 1 },
    memory: { sizeMib: 256n },
    disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 1n, imageId } } } },
    nics: { lan: { source: { case: 'port', value: { networkId } } } },
    provisioning: { cloudInit: { userData: '#cloud-config\n' } },
    waitFor: { guestAgent: true, guestAddresses: true },
  };
  return create(VirtualMachineSchema, { name, spec });
}

async function makeBase(): Promise<Ids> {
  const pool = await make(
    'storage_pool',
    create(StoragePoolSchema, {
      name: 'local',
      spec: { backend: { case: 'directory', value: { path: '/var/lib/pool' } } },
    }),
  );
  const sha256 = createHash('sha256').update(content).digest('hex');
  const file = { file: 'guest.raw', sizeBytes: BigInt(content.length), sha256 };
  const image = await make(
    'image',
    create(ImageSchema, {
      name: 'guest',
      spec: { source: { source: { case: 'upload', value: file } } },
    }),
  );
  const network = await make(
    'network',
    create(VirtualNetworkSchema, {
      name: 'lan',
      spec: { ipv4: { cidr: '10.20.0.0/24', gateway: '10.20.0.1' } },
    }),
  );
  await upload(image.id);
  for (const [type, { id }] of [
    ['storage_pool', pool],
    ['image', image],
    ['network', network],
  ] as const) {
    await whenReady(type, id);
  }
  return { poolId: pool.id, imageId: image.id, networkId: network.id };
}

describe('a control plane with two simulated nodes', () => {
  let ids: Ids;
  let vms: VirtualMachine[] = [];

  it('has both nodes ready', async () => {
    const nodes = await until('two ready nodes', async () => {
      const found = await list<Node>('node');
      const ready = found.filter(({ status }) => status?.phase === NodePhase.READY);
      return ready.length === 2 ? ready : undefined;
    });
    expect(nodes.map(({ name }) => name).sort()).toEqual(['sim-1', 'sim-2']);
  });

  it('brings machines up with the addresses that were decided before they booted', async () => {
    ids = await makeBase();
    const names = ['one', 'two', 'three'];
    const made = await Promise.all(
      names.map((name) => make<VirtualMachine>('vm', machine(name, ids))),
    );
    const decided = made.map(({ status }) => status?.nics['lan']?.ipAddresses[0]);
    expect(new Set(decided).size).toBe(3);
    vms = await Promise.all(made.map(({ id }) => whenReady<VirtualMachine>('vm', id)));
    expect(vms.map(({ status }) => status?.guestInfo?.nics['lan']?.ipAddresses)).toEqual(
      decided.map((address) => [address]),
    );
    expect(vms.every(({ status }) => status?.powerState === PowerState.RUNNING)).toBe(true);
    expect(new Set(vms.map(({ status }) => status?.nodeId)).size).toBe(2);
    const ports = await list<Port>('port');
    expect(ports.map(({ status }) => status?.up)).toEqual([true, true, true]);
  });

  it('starts a guest again that died', async () => {
    const [vm] = vms as [VirtualMachine];
    const world = server.simulation?.world;
    world?.hostOf(vm.id)?.libvirtd.kill(vm.id);
    const again = await until('a restart', async () => {
      const found = (await client.get(contractTypes.get('vm'), vm.id)) as VirtualMachine;
      return found.status?.restartCount === 1 && isReady(found) ? found : undefined;
    });
    expect(again.status?.powerState).toBe(PowerState.RUNNING);
  });

  it('makes machines while an agent and a libvirtd are restarted and OVN is away', async () => {
    const { simulation } = server;
    const [first, second] = simulation?.world.hosts ?? [];
    simulation?.world.northbound.disconnect();
    const made = await Promise.all(
      ['four', 'five'].map((name) => make<VirtualMachine>('vm', machine(name, ids))),
    );
    first?.libvirtd.restart();
    await simulation?.startAgent(second?.name ?? '');
    simulation?.world.northbound.disconnect();
    vms.push(...(await Promise.all(made.map(({ id }) => whenReady<VirtualMachine>('vm', id)))));
    expect(simulation?.world.inventory().domains).toHaveLength(5);
    expect(simulation?.world.inventory().rows).toEqual({
      Logical_Switch: 1,
      Logical_Switch_Port: 5,
      DHCP_Options: 1,
    });
  });

  it('has every machine again after a restart of the control plane and all hosts', async () => {
    await server.stop();
    await start();
    const again = await Promise.all(vms.map(({ id }) => whenReady<VirtualMachine>('vm', id)));
    const address = ({ status }: VirtualMachine) => status?.nics['lan']?.ipAddresses;
    expect(again.map(address)).toEqual(vms.map(address));
    await until('five domains', async () =>
      server.simulation?.world.inventory().domains.length === 5 ? true : undefined,
    );
    await until('five ports that are up', async () => {
      const ports = await list<Port>('port');
      return ports.filter(({ status }) => status?.up).length === 5 ? true : undefined;
    });
  });

  it('refuses to delete a network that machines use, with their names', async () => {
    const deletion = client.delete(contractTypes.get('network'), ids.networkId);
    await expect(deletion).rejects.toThrow(/one/);
  });

  it('keeps the volume of a machine that goes where the user wants it', async () => {
    const { poolId } = ids;
    const source = { case: 'volume', value: { poolId, sizeGib: 1n, keep: true } } as const;
    const made = machine('keeper', ids);
    Object.assign(made.spec?.disks ?? {}, { data: create(DiskSpecSchema, { source }) });
    const vm = await make<VirtualMachine>('vm', made);
    await whenReady('vm', vm.id);
    await client.delete(contractTypes.get('vm'), vm.id);
    await until('the machine to go', async () =>
      (await list('vm')).every(({ id }) => id !== vm.id) ? true : undefined,
    );
    const left = (await list<Volume>('volume')).filter(({ name }) => name.startsWith('keeper'));
    expect(left.map(({ name, owner }) => [name, owner])).toEqual([['keeper-data', undefined]]);
    for (const { id } of left) await client.delete(contractTypes.get('volume'), id);
  });

  it('leaves nothing behind when everything is deleted', async () => {
    for (const { id } of vms) await client.delete(contractTypes.get('vm'), id);
    for (const type of ['vm', 'port', 'volume']) {
      await until(`no ${type}`, async () => ((await list(type)).length === 0 ? true : undefined));
    }
    await client.delete(contractTypes.get('network'), ids.networkId);
    await client.delete(contractTypes.get('image'), ids.imageId);
    await until('no image', async () => ((await list('image')).length === 0 ? true : undefined));
    await client.delete(contractTypes.get('storage_pool'), ids.poolId);
    for (const type of ['network', 'storage_pool']) {
      await until(`no ${type}`, async () => ((await list(type)).length === 0 ? true : undefined));
    }
    expect(server.simulation?.world.inventory()).toEqual({
      domains: [],
      files: [],
      rows: { Logical_Switch: 0, Logical_Switch_Port: 0, DHCP_Options: 0 },
    });
  });
});
