/** What `validate_only` answers, alone and together with the rest of a plan. */
import { Code, ConnectError } from '@connectrpc/connect';
import { type Node, NodePhase, NodeStatusSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  type VirtualMachine,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import { PortService } from '@limiquantix/proto/network/v1/port_service_pb.js';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { ShortfallKind } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { patched } from '../resource/patched.js';
import { freshen } from './api-context.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { makeNode, makePool } from './test-world.js';

let installation: TestInstallation;
const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let chance = 0;
const nextRandom = (): number => {
  chance = (chance * 9301 + 49_297) % 233_280;
  return chance / 233_280;
};

beforeEach(async () => {
  installation = await startTestInstallation({ clock, admission, random: nextRandom });
  // Room for four machines of 1 GiB on each, beside the 512 MiB that are reserved.
  await makeNode(installation, 'node-a', 4608n);
  await makeNode(installation, 'node-b', 4608n);
});
afterEach(() => installation.stop());

const vms = () => installation.client(VirtualMachineService);

const machine = (name: string, sizeMib = 1024n, cores = 1) => ({
  name,
  spec: { cpu: { cores }, memory: { sizeMib } },
});
const judge = (vm: object, planId = 'p') =>
  vms().createVirtualMachine({ vm, validateOnly: true, planId });

/** A machine that is there, on a node. */
async function makePlaced(name: string, node: string, sizeMib = 1024n): Promise<string> {
  const { vm } = await vms().createVirtualMachine({ vm: machine(name, sizeMib) });
  const nodeId = nodeNamed(node);
  const key = { type: 'vm', id: vm?.id ?? '' };
  await installation.writer.writeStatus<VirtualMachine>(key, ({ status }) =>
    patched(VirtualMachineStatusSchema, status, { nodeId }),
  );
  await freshen(installation.context);
  return key.id;
}

const nodeNamed = (name: string): string =>
  installation.context.view.findByName({ type: 'node', projectId: '', name })?.id ?? '';

test('says where a machine would go and why, and stores nothing', async () => {
  const before = await installation.context.store.revision();
  const { vm, verdict } = await judge(machine('web'));
  expect(verdict).toMatchObject({ nodeId: nodeNamed('node-a'), shortfalls: [], warnings: [] });
  expect(verdict?.reasons.join()).toMatch(/^node-a: the least loaded that fits, 25 %/);
  expect(vm?.status?.nodeId).toBe(nodeNamed('node-a'));
  expect(await installation.context.store.revision()).toBe(before);
});

test('judges the machines of a plan together: those that fit do, and the others are told', async () => {
  const verdicts = [];
  for (let i = 0; i < 10; i += 1) verdicts.push((await judge(machine(`web-${i}`))).verdict);
  expect(verdicts.map((verdict) => verdict?.shortfalls.length)).toEqual([
    ...Array(8).fill(0),
    ...[1, 1],
  ]);
  expect(verdicts[9]?.shortfalls[0]).toMatchObject({
    kind: ShortfallKind.CAPACITY,
    quantity: 'memory_mib',
    requested: 1024n,
    available: 0n,
    path: 'spec.memory.size_mib',
    message:
      'no node has room: 1024 MiB of memory are needed on one node, and the most that one has left is 0 ' +
      'of 4096 (node-a), with the 8 other machines of this plan; ask for less, or add or free a node',
  });
});

test('judges each alone without a plan, and each plan alone', async () => {
  for (let i = 0; i < 8; i += 1) await judge(machine(`web-${i}`), 'one');
  expect((await judge(machine('more'), 'one')).verdict?.shortfalls).toHaveLength(1);
  expect((await judge(machine('more'), 'two')).verdict?.shortfalls).toEqual([]);
  expect((await judge(machine('more'), '')).verdict?.shortfalls).toEqual([]);
});

test('a repeated request takes the place of the one before', async () => {
  for (let i = 0; i < 20; i += 1) {
    expect((await judge(machine('web', 3072n))).verdict?.shortfalls).toEqual([]);
  }
  expect((await judge(machine('db', 4096n))).verdict?.shortfalls).toEqual([]);
});

test('what a plan deletes gives back its room, its name and its addresses', async () => {
  const id = await makePlaced('old', 'node-a', 4096n);
  await makePlaced('other', 'node-b', 4096n);
  expect((await judge(machine('new'))).verdict?.shortfalls).toHaveLength(1);
  await vms().deleteVirtualMachine({ id, validateOnly: true, planId: 'p' });
  expect((await judge(machine('new'))).verdict).toMatchObject({ nodeId: nodeNamed('node-a') });
  expect((await judge(machine('old'))).verdict?.shortfalls).toEqual([]);
  expect((await judge(machine('new'), 'q')).verdict?.shortfalls).toHaveLength(1);
});

test('a change is judged where the machine is, and gives back what it no longer needs', async () => {
  const id = await makePlaced('web', 'node-a', 2048n);
  await makePlaced('db', 'node-a', 1024n);
  await makePlaced('other', 'node-b', 4096n);
  const resize = (sizeMib: bigint) =>
    vms().updateVirtualMachine({
      vm: { id, spec: { memory: { sizeMib } } },
      updateMask: { paths: ['spec.memory.size_mib'] },
      validateOnly: true,
      planId: 'p',
    });
  expect((await resize(3072n)).verdict).toMatchObject({
    nodeId: nodeNamed('node-a'),
    disruption: Disruption.RESTART,
    changes: [{ path: 'spec.memory.size_mib', disruption: Disruption.RESTART }],
    shortfalls: [],
  });
  expect((await judge(machine('more'))).verdict?.shortfalls).toHaveLength(1);
  expect((await resize(4096n)).verdict?.shortfalls).toMatchObject([
    { path: 'spec.memory.size_mib', requested: 4096n, available: 3072n },
  ]);
  expect((await resize(1024n)).verdict?.shortfalls).toEqual([]);
  expect((await judge(machine('more', 2048n))).verdict).toMatchObject({
    nodeId: nodeNamed('node-a'),
  });
});

test('names and addresses are taken by the plan as well', async () => {
  const { network } = await installation.client(VirtualNetworkService).createVirtualNetwork({
    network: { name: 'lan', spec: { ipv4: { cidr: '10.0.0.0/29' } } },
  });
  const port = (name: string, ipAddresses: string[] = []) =>
    installation.client(PortService).createPort({
      port: { name, spec: { networkId: network?.id ?? '', ipAddresses } },
      validateOnly: true,
      planId: 'p',
    });
  await port('a', ['10.0.0.3']);
  await expect(port('b', ['10.0.0.3'])).rejects.toThrow(/10\.0\.0\.3 is taken/);
  const given = [];
  for (const name of ['c', 'd', 'e', 'f']) given.push((await port(name)).port?.status?.ipAddresses);
  expect(new Set(given.flat()).size).toBe(4);
  await expect(port('g')).rejects.toThrow(/no free address/);
});

test('what no node can take for now is a warning', async () => {
  for (const name of ['node-a', 'node-b']) {
    const key = { type: 'node', id: nodeNamed(name) };
    await installation.writer.writeStatus<Node>(key, ({ status }) =>
      patched(NodeStatusSchema, status, { phase: NodePhase.NOT_READY }),
    );
  }
  const { verdict } = await judge(machine('web'));
  expect(verdict).toMatchObject({ nodeId: '', shortfalls: [] });
  expect(verdict?.warnings).toMatchObject([
    { path: 'spec.placement', message: expect.stringMatching(/node-a: is not ready/) },
  ]);
});

test('what is carried out is not counted twice', async () => {
  for (let i = 0; i < 8; i += 1) await judge(machine(`web-${i}`));
  for (let i = 0; i < 8; i += 1) await makePlaced(`web-${i}`, i < 4 ? 'node-a' : 'node-b', 512n);
  expect((await judge(machine('more', 2048n))).verdict?.shortfalls).toEqual([]);
});

test('a plan is forgotten when it was idle, or when there are too many', async () => {
  for (let i = 0; i < 8; i += 1) await judge(machine(`web-${i}`), 'idle');
  clock.advance(9 * 60_000);
  expect((await judge(machine('more'), 'idle')).verdict?.shortfalls).toHaveLength(1);
  clock.advance(11 * 60_000);
  expect(installation.context.plans.size).toBe(0);
  expect((await judge(machine('more'), 'idle')).verdict?.shortfalls).toEqual([]);
  for (let i = 0; i < 70; i += 1) await judge(machine('web'), `plan-${i}`);
  expect(installation.context.plans.size).toBe(16);
});

test('tells what would be refused, as the request itself would be', async () => {
  await makePlaced('web', 'node-a');
  const error = await judge(machine('web')).catch((cause: unknown) => ConnectError.from(cause));
  expect(error).toMatchObject({ code: Code.AlreadyExists });
});

test('a quota is shared by the plan: what is too much is told with the numbers', async () => {
  await installation.client(ProjectService).createProject({
    project: { name: 'team', spec: { quota: { vms: 2, vcpus: 16 } } },
  });
  const member = (name: string) => judge({ ...machine(name), projectId: 'team' });
  for (const name of ['a', 'b', 'b']) {
    expect((await member(name)).verdict?.shortfalls).toEqual([]);
  }
  expect((await member('c')).verdict?.shortfalls).toMatchObject([
    { kind: ShortfallKind.QUOTA, quantity: 'vms', requested: 1n, available: 0n },
  ]);
  // What is refused takes nothing, and its repetition is refused anew.
  expect((await member('c')).verdict?.shortfalls).toHaveLength(1);
  expect((await judge(machine('elsewhere'))).verdict?.shortfalls).toEqual([]);
});

test('counts the volumes of a plan together against the room of their pool', async () => {
  const nodeId = nodeNamed('node-a');
  const gib = 1024n ** 3n;
  // 10 GiB, which volumes may sum up to four times of.
  const poolId = await makePool(installation, 'ssd', { totalBytes: 10n * gib, readyOn: [nodeId] });
  const volumes = installation.client(VolumeService);
  const volume = (name: string, sizeGib: bigint) =>
    volumes.createVolume({
      volume: { name, spec: { poolId, sizeGib } },
      validateOnly: true,
      planId: 'p',
    });
  const withDisk = (name: string, sizeGib: bigint) => ({
    ...machine(name),
    spec: {
      ...machine(name).spec,
      disks: { root: { source: { case: 'volume', value: { poolId, sizeGib } } } },
    },
  });
  await volumes.createVolume({ volume: { name: 'there', spec: { poolId, sizeGib: 10n } } });
  expect((await volume('a', 20n)).verdict?.shortfalls).toEqual([]);
  expect((await judge(withDisk('web', 10n))).verdict?.shortfalls).toEqual([]);
  expect((await judge(withDisk('db', 3n))).verdict?.shortfalls).toMatchObject([
    {
      kind: ShortfallKind.CAPACITY,
      quantity: 'storage_gib',
      requested: 3n,
      available: 0n,
      path: 'spec.disks',
      message:
        'storage pool ssd has 0 GiB left of 40 GiB (10 GiB times 4), and 3 GiB are needed; ' +
        'ask for less, remove volumes, or give the pool more space or another overcommit_ratio',
    },
  ]);
  expect((await volume('a', 15n)).verdict?.shortfalls).toEqual([]);
  expect((await judge(withDisk('db', 3n))).verdict?.shortfalls).toEqual([]);
  expect((await volume('b', 3n)).verdict?.shortfalls).toMatchObject([
    { requested: 3n, available: 2n, path: 'spec.size_gib' },
  ]);
  const silent = await makePool(installation, 'silent');
  const request = { name: 'c', spec: { poolId: silent, sizeGib: 1_000n } };
  const { verdict } = await volumes.createVolume({ volume: request, validateOnly: true });
  expect(verdict?.shortfalls).toEqual([]);
});
