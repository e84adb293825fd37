/** Machines that grow where they are: the room on their node is given to one of them. */
import { create } from '@bufbuild/protobuf';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { contractTypes } from '../resource/type-registry.js';
import type { ApiContext } from './api-context.js';
import { freshen } from './api-context.js';
import { createResource } from './create-resource.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { makeNode } from './test-world.js';
import { updateResource } from './update-resource.js';

const type = contractTypes.get('vm');
const caller = { kind: 'user', tokenId: 't', name: 'tester' } as const;

let installation: TestInstallation;
let nodeId: string;
beforeEach(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  installation = await startTestInstallation({ clock, admission });
  // 4 GiB for machines.
  nodeId = await makeNode(installation, 'node-a', 4608n);
});
afterEach(() => installation.stop());

/** A machine of 1 GiB on the node. */
async function machine(name: string): Promise<VirtualMachine> {
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 1024n } };
  const { resource } = await createResource(installation.context, {
    ...{ type, caller, requestId: '', validateOnly: false },
    input: create(VirtualMachineSchema, { name, projectId: 'default', spec }),
  });
  await installation.writer.writeStatus<VirtualMachine>({ type: 'vm', id: resource.id }, (vm) =>
    Object.assign(create(type.status), vm.status, { nodeId }),
  );
  await freshen(installation.context);
  return resource as unknown as VirtualMachine;
}

function grow({ id }: VirtualMachine, sizeMib: bigint, context: ApiContext = installation.context) {
  return updateResource(context, {
    ...{ type, caller, etag: '', validateOnly: false },
    input: create(VirtualMachineSchema, { id, spec: { memory: { sizeMib } } }),
    paths: ['spec.memory.size_mib'],
  });
}

test('a machine does not outgrow its node', async () => {
  const [a, b] = [await machine('a'), await machine('b')];
  await grow(a, 3072n);
  await expect(grow(b, 1025n)).rejects.toMatchObject({
    reason: 'NO_ROOM_TO_GROW',
    violations: [
      {
        path: 'spec.memory.size_mib',
        message: expect.stringContaining('1025 MiB of memory are needed, and node-a has 1024 of'),
      },
    ],
  });
  await grow(a, 1024n);
  await grow(b, 3072n);
});

test('of two machines that grow at once, one gets the room', async () => {
  const [a, b] = [await machine('a'), await machine('b')];
  const [first, second] = await Promise.allSettled([grow(a, 3072n), grow(b, 3072n)]);
  expect(first).toMatchObject({ status: 'fulfilled' });
  expect(second).toMatchObject({ reason: { reason: 'NO_ROOM_TO_GROW' } });
  const { occupancy } = installation.context.capacity;
  await freshen(installation.context);
  expect(occupancy.usedOf(nodeId)).toEqual({ vcpus: 2, memoryMib: 4096, vms: 2 });
});

test('only a server that leads lets machines grow', async () => {
  const a = await machine('a');
  const context = { ...installation.context, leading: { store: undefined } };
  await expect(grow(a, 2048n, context)).rejects.toMatchObject({ reason: 'NO_LEADER' });
  await freshen(installation.context);
  expect(installation.context.capacity.occupancy.usedOf(nodeId).memoryMib).toBe(1024);
  const { store } = installation.context;
  await grow(a, 2048n, { ...context, leading: { store } });
});
