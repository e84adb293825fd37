/**
 * What the API guarantees across resources: references, ownership, claims, secrets, immutability.
 */
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import {
  NetworkPhase,
  type VirtualNetwork,
  VirtualNetworkStatusSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import { PortService } from '@limiquantix/proto/network/v1/port_service_pb.js';
import { ImageStatusSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { ImageService } from '@limiquantix/proto/storage/v1/image_service_pb.js';
import { StoragePoolService } from '@limiquantix/proto/storage/v1/storage_pool_service_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { childPrefix, claimIndexPrefix, referencePrefix } from '../resource/keys.js';
import { patched } from '../resource/patched.js';
import { isDeletionForced } from './delete-resource.js';
import { sweepRequests } from './request-log.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

let installation: TestInstallation;
const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let chance = 0;

beforeEach(async () => {
  installation = await startTestInstallation({
    clock,
    admission,
    random: () => {
      chance = (chance * 9301 + 49_297) % 233_280;
      return chance / 233_280;
    },
  });
});
afterEach(() => installation.stop());

const networks = () => installation.client(VirtualNetworkService);
const ports = () => installation.client(PortService);
const vms = () => installation.client(VirtualMachineService);

async function makeNetwork(name = 'lan', cidr = '10.0.0.0/24'): Promise<string> {
  const { network } = await networks().createVirtualNetwork({
    network: { name, spec: { ipv4: { cidr } } },
  });
  return network?.id ?? '';
}

async function makePool(): Promise<string> {
  const backend = { case: 'directory', value: { path: '/srv/pool' } } as const;
  const { storagePool } = await installation
    .client(StoragePoolService)
    .createStoragePool({ storagePool: { name: 'pool', spec: { backend } } });
  return storagePool?.id ?? '';
}

async function makeVm(name: string, ids: { pool: string; network: string }) {
  const { vm } = await vms().createVirtualMachine({ vm: machine(name, ids) });
  if (vm === undefined) throw new Error('no vm');
  return vm;
}

const machine = (name: string, ids: { pool: string; network: string }) => ({
  name,
  spec: {
    cpu: { cores: 1 },
    memory: { sizeMib: 128n },
    disks: {
      root: { source: { case: 'volume', value: { poolId: ids.pool, sizeGib: 1n } } as const },
    },
    nics: { lan: { source: { case: 'port', value: { networkId: ids.network } } as const } },
    display: { vnc: { password: 'geheim' } },
  },
});

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => ConnectError.from(cause),
  );
  if (error === undefined) throw new Error('was not refused');
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const violations = bad?.fieldViolations ?? [];
  const fields = violations.map(({ field }) => field);
  return { code: error.code, reason: info?.reason, fields, violations, message: error.rawMessage };
};

const keys = async (prefix: string) =>
  (await installation.context.store.list({ prefix, limit: 1000 })).entries.map(({ key }) => key);

it('refuses a reference to what does not exist, or is of another type, with its path', async () => {
  const network = await makeNetwork();
  for (const pool of ['0190b5a0-0000-7000-8000-000000000000', network]) {
    const refused = await refusal(makeVm('web', { pool, network }));
    expect(refused).toMatchObject({
      code: Code.InvalidArgument,
      reason: 'REFERENCE_NOT_FOUND',
      fields: ['spec.disks["root"].volume.pool_id'],
    });
    expect(refused.message).toContain(pool);
  }
});

it('keeps projects apart', async () => {
  const projects = installation.client(ProjectService);
  await projects.createProject({ project: { name: 'blue', spec: {} } });
  const { network } = await networks().createVirtualNetwork({
    network: { name: 'lan', projectId: 'blue', spec: { ipv4: { cidr: '10.1.0.0/24' } } },
  });
  await makeNetwork('lan');
  const refused = await refusal(
    ports().createPort({ port: { name: 'a', spec: { networkId: network?.id ?? '' } } }),
  );
  expect(refused.fields).toEqual(['spec.network_id']);
  expect(refused.message).toContain('project blue');
  const { networks: blue } = await networks().listVirtualNetworks({ projectId: 'blue' });
  expect(blue.map(({ id }) => id)).toEqual([network?.id]);
});

it('makes a machine with its volume and port, and all of them go together', async () => {
  const ids = { pool: await makePool(), network: await makeNetwork() };
  const vm = await makeVm('web', ids);
  const portId = vm.status?.nics['lan']?.portId ?? '';
  const { port } = await ports().getPort({ id: portId });
  expect(port?.owner).toMatchObject({ type: 'vm', id: vm.id, device: 'lan' });
  expect(port?.status?.ipAddresses).toEqual(vm.status?.nics['lan']?.ipAddresses);
  const owned = await refusal(ports().deletePort({ id: portId }));
  expect(owned).toMatchObject({ code: Code.FailedPrecondition, reason: 'OWNED' });
  expect(owned.message).toContain('vm "web"');

  const { writer, context } = installation;
  await vms().deleteVirtualMachine({ id: vm.id });
  expect(await writer.finalize({ type: 'vm', id: vm.id })).toBe('in-use');
  const children = await keys(childPrefix(vm.id));
  expect(children).toHaveLength(2);
  for (const key of children) {
    const [, , type = '', id = ''] = key.split('/');
    await writer.requestDeletion({ type, id });
    expect(await writer.finalize({ type, id })).toBe('gone');
  }
  expect(await writer.finalize({ type: 'vm', id: vm.id })).toBe('gone');
  expect(await writer.finalize({ type: 'vm', id: vm.id })).toBe('gone');
  for (const prefix of [referencePrefix(ids.pool), claimIndexPrefix(portId), 'ip/', 'mac/', 'd/']) {
    expect(await keys(prefix)).toEqual([]);
  }
  expect(context.view.list('port')).toEqual([]);
});

it('leaves a disowned volume when its machine goes', async () => {
  const vm = await makeVm('web', { pool: await makePool(), network: await makeNetwork() });
  const [volume] = installation.context.view.list('volume');
  const key = { type: 'volume', id: volume?.id ?? '' };
  await installation.writer.disown(key);
  expect((await keys(childPrefix(vm.id))).map((child) => child.split('/')[2])).toEqual(['port']);
  const { volume: kept } = await installation.client(VolumeService).getVolume({ id: key.id });
  expect(kept?.owner).toBeUndefined();
});

it('refuses to delete what is in use and names the users', async () => {
  const network = await makeNetwork();
  for (let i = 0; i < 12; i += 1) {
    const name = `p${String(i).padStart(2, '0')}`;
    await ports().createPort({ port: { name, spec: { networkId: network } } });
  }
  const refused = await refusal(networks().deleteVirtualNetwork({ id: network }));
  expect(refused).toMatchObject({ code: Code.FailedPrecondition, reason: 'IN_USE' });
  expect(refused.message).toMatch(/in use by port "p00", .*port "p09" and 2 more; remove those/);
});

it('counts a machine and its own port once among the users', async () => {
  const network = await makeNetwork();
  await makeVm('web', { pool: await makePool(), network });
  const refused = await refusal(networks().deleteVirtualNetwork({ id: network }));
  expect(refused.message).toContain('in use by vm "web"; remove those first');
});

it('never commits a reference to what is being deleted', async () => {
  const network = await makeNetwork();
  const results = await Promise.allSettled([
    networks().deleteVirtualNetwork({ id: network }),
    ...Array.from({ length: 6 }, (_, i) =>
      ports().createPort({ port: { name: `p${i}`, spec: { networkId: network } } }),
    ),
  ]);
  const isDeleted = results[0]?.status === 'fulfilled';
  const made = results.slice(1).filter(({ status }) => status === 'fulfilled');
  expect(made).toHaveLength(isDeleted ? 0 : 6);
  if (!isDeleted) return;
  const late = ports().createPort({ port: { name: 'late', spec: { networkId: network } } });
  expect(await refusal(late)).toMatchObject({ reason: 'REFERENCE_DELETED' });
});

it('gives every port its own address, however many are made at once', async () => {
  const network = await makeNetwork('lan', '10.0.0.0/26');
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      ports().createPort({ port: { name: `p${i}`, spec: { networkId: network } } }),
    ),
  );
  const addresses = made.map(({ port }) => port?.status?.ipAddresses[0]);
  expect(new Set(addresses).size).toBe(40);
  expect(new Set(made.map(({ port }) => port?.status?.macAddress)).size).toBe(40);
});

it('refuses a fixed address that is taken, and frees it with its port', async () => {
  const network = await makeNetwork();
  const fixed = (name: string) =>
    ports().createPort({
      port: { name, spec: { networkId: network, ipAddresses: ['10.0.0.9'] } },
    });
  const results = await Promise.allSettled([fixed('a'), fixed('b'), fixed('c')]);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = await refusal(fixed('d'));
  expect(refused).toMatchObject({ code: Code.AlreadyExists, fields: ['spec.ip_addresses[0]'] });
  const [port] = installation.context.view.list('port');
  await ports().deletePort({ id: port?.id ?? '' });
  await installation.writer.finalize({ type: 'port', id: port?.id ?? '' });
  await fixed('e');
});

it('refuses a change of an immutable field with its path and what to do', async () => {
  const network = await makeNetwork();
  const refused = await refusal(
    networks().updateVirtualNetwork({
      network: { id: network, spec: { ipv4: { cidr: '10.9.0.0/24' } } },
      updateMask: { paths: ['spec.ipv4.cidr'] },
    }),
  );
  expect(refused).toMatchObject({ reason: 'IMMUTABLE', fields: ['spec.ipv4.cidr'] });
  expect(refused.message).toContain("can't change after creation; create a new network");
});

it('never shows a secret, and keeps it where an update can not have it', async () => {
  const vm = await makeVm('web', { pool: await makePool(), network: await makeNetwork() });
  const stored = () =>
    installation.context.view.get<typeof vm>('vm', vm.id)?.spec?.display?.vnc?.password;
  expect(vm.spec?.display?.vnc).toBeDefined();
  expect(vm.spec?.display?.vnc?.password).toBeUndefined();
  expect(stored()).toBe('geheim');
  const update = async (vnc: object, path: string) => {
    const changed = { id: vm.id, description: String(Math.random()), spec: { display: { vnc } } };
    await vms().updateVirtualMachine({
      vm: changed,
      updateMask: { paths: [path, 'description'] },
    });
    await installation.context.view.settled(await installation.context.store.revision());
  };
  await update({}, 'spec.display');
  expect(stored()).toBe('geheim');
  await update({ password: 'neu' }, 'spec.display.vnc.password');
  expect(stored()).toBe('neu');
  await update({}, 'spec.display.vnc.password');
  expect(stored()).toBeUndefined();
  const search = vms().listVirtualMachines({ filter: 'spec.display.vnc.password=neu' });
  expect(await refusal(search)).toMatchObject({ fields: ['filter'] });
});

it('counts generations by changes of the spec, and says what each change costs', async () => {
  const vm = await makeVm('web', { pool: await makePool(), network: await makeNetwork() });
  const change = {
    vm: { id: vm.id, spec: { cpu: { cores: 4 }, memory: { sizeMib: 256n } } },
    updateMask: { paths: ['spec.cpu.cores', 'spec.memory'] },
  };
  const dry = await vms().updateVirtualMachine({ ...change, validateOnly: true });
  expect(dry.verdict?.changes.map(({ path }) => path)).toEqual([
    'spec.cpu.cores',
    'spec.memory.size_mib',
  ]);
  const { vm: changed } = await vms().updateVirtualMachine(change);
  expect([changed?.generation, changed?.spec?.cpu?.cores]).toEqual([2n, 4]);
  expect(changed?.spec?.disks).toEqual(vm.spec?.disks);
});

it('writes statuses side by side without losing one', async () => {
  const network = await makeNetwork();
  const key = { type: 'network', id: network };
  await Promise.all(
    Array.from({ length: 20 }, () =>
      installation.writer.writeStatus<VirtualNetwork>(key, ({ status }) =>
        patched(VirtualNetworkStatusSchema, status, {
          phase: NetworkPhase.READY,
          observedGeneration: (status?.observedGeneration ?? 0n) + 1n,
        }),
      ),
    ),
  );
  const { network: read } = await networks().getVirtualNetwork({ id: network });
  expect(read?.status?.observedGeneration).toBe(20n);
  expect(read?.generation).toBe(1n);
  expect(await installation.writer.writeStatus({ type: 'network', id: 'x' }, () => undefined)).toBe(
    false,
  );
});

it('merges what nodes observe, each its own part', async () => {
  const source = { case: 'upload', value: { file: 'a', sizeBytes: 1n, sha256: 'a'.repeat(64) } };
  const { image } = await installation.client(ImageService).createImage({
    image: { name: 'debian', spec: { source: { source } as never } },
  });
  const key = { type: 'image', id: image?.id ?? '' };
  const status = (node: string) =>
    create(ImageStatusSchema, { nodes: { [node]: { ready: true } } });
  await Promise.all(
    ['n1', 'n2', 'n3'].map((node) =>
      installation.writer.writeObservations(node, [{ key, status: status(node) }]),
    ),
  );
  const read = installation.context.view.get<NonNullable<typeof image>>('image', key.id);
  expect(Object.keys(read?.status?.nodes ?? {}).sort()).toEqual(['n1', 'n2', 'n3']);
});

it('notes a forced deletion, also when it comes second', async () => {
  const network = await makeNetwork();
  const { store } = installation.context;
  await networks().deleteVirtualNetwork({ id: network });
  expect(await isDeletionForced(store, network)).toBe(false);
  await networks().deleteVirtualNetwork({ id: network, force: true });
  expect(await isDeletionForced(store, network)).toBe(true);
});

it('forgets request ids after a day', async () => {
  const create = () =>
    networks().createVirtualNetwork({
      network: { name: 'lan', spec: { ipv4: { cidr: '10.0.0.0/24' } } },
      requestId: 'r1',
    });
  const { network } = await create();
  expect((await create()).network?.id).toBe(network?.id);
  const { store } = installation.context;
  expect(await sweepRequests(store, clock.nowMs())).toBe(0);
  expect(await sweepRequests(store, clock.nowMs() + 25 * 3600 * 1000)).toBe(1);
  expect(await refusal(create())).toMatchObject({ reason: 'NAME_TAKEN' });
});

it('says COMPACTED to a list and a watch of a revision that is forgotten', async () => {
  await makeNetwork('a');
  await makeNetwork('b');
  const { store } = installation.context;
  await store.compact(await store.revision());
  const old = { code: Code.OutOfRange, reason: 'COMPACTED' };
  expect(await refusal(networks().listVirtualNetworks({ revision: 2n }))).toMatchObject(old);
  const watch = async () => {
    for await (const _event of networks().watchVirtualNetworks({ fromRevision: 2n })) return;
  };
  expect(await refusal(watch())).toMatchObject(old);
});
