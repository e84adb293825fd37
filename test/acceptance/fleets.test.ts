/**
 * Fleets on simulated hosts, through the API: admitted as a whole or not at all, made, scaled,
 * rolled out in waves, healed, and removed without a trace.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  VmFleetPhase as Phase,
  type VmFleet,
  VmFleetSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { silentLog } from '../../server/src/log.js';
import { isReady } from '../../server/src/resource/conditions.js';
import { readyOf } from '../../server/src/resource/ready.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { LibvirtErrorCode, LibvirtErrorDomain } from '../../server/src/wire/libvirt/constants.js';
import { LibvirtError } from '../../server/src/wire/libvirt/errors.js';
import { type Base, machineOn, makeBase } from '../harness/declared.js';
import { until } from '../harness/wait.js';

jest.setTimeout(120_000);

const deadlineMs = 60_000;
const fleetType = contractTypes.get('vm_fleet');
const vmType = contractTypes.get('vm');
let directory = '';
let server: RunningServer;
let client: ResourceClient;
let base: Base;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lqx-fleets-'));
  server = await startServer({
    dataDirectory: directory,
    listen: ['127.0.0.1:0'],
    names: [],
    simulate: 3,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: 'test',
  });
  const transport = createTransport(server.profile);
  client = new ResourceClient(transport);
  base = await makeBase(transport);
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

type Spec = NonNullable<MessageInitShape<typeof VmFleetSchema>['spec']>;

function fleet(name: string, spec: Spec, memoryMib = 256n): VmFleet {
  const vm = machineOn(base, name).spec;
  if (vm?.memory === undefined) throw new Error('no machine');
  vm.memory.sizeMib = memoryMib;
  const template = { case: 'vm', value: vm } as const;
  return create(VmFleetSchema, { name, spec: { template, ...spec } });
}

const make = async (wanted: VmFleet): Promise<VmFleet> =>
  (await client.create(fleetType, wanted)) as VmFleet;
const get = async (id: string): Promise<VmFleet> => (await client.get(fleetType, id)) as VmFleet;
const update = (id: string, wanted: VmFleet) =>
  client.update(fleetType, { ...wanted, id }, ['spec']);

async function machines(): Promise<VirtualMachine[]> {
  const all = (await client.list(vmType)) as VirtualMachine[];
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Waits until a fleet is as wanted; shows it where it doesn't come to that. */
async function settled(id: string): Promise<VmFleet> {
  let seen: VmFleet | undefined;
  try {
    return await until('the fleet is ready', deadlineMs, async () => {
      seen = await get(id);
      return isReady(seen) && seen.status?.phase === Phase.READY ? seen : undefined;
    });
  } catch (error) {
    const { phase, conditions, members } = seen?.status ?? {};
    throw new Error(`${error}: ${JSON.stringify({ phase, conditions, members })}`);
  }
}

/** Lets no guest agent answer, or lets them answer again. */
function silenceAgents(silent: boolean): void {
  const { AGENT_UNRESPONSIVE: code } = LibvirtErrorCode;
  const error = new LibvirtError({ code, domain: LibvirtErrorDomain.QEMU, message: 'silent' });
  for (const { libvirtd } of server.simulation?.world.hosts ?? []) {
    libvirtd.intercept = (method) => (silent && method === 'agentCommand' ? error : undefined);
  }
}

async function gone(id: string): Promise<void> {
  await client.delete(fleetType, id);
  await until('the fleet is gone', deadlineMs, async () => {
    const left = await client.list(fleetType);
    return left.some((one) => one.id === id) ? undefined : true;
  });
  for (const type of ['vm', 'volume', 'port']) {
    expect(await client.list(contractTypes.get(type))).toEqual([]);
  }
}

test('a fleet is made, scaled up and down, healed, and goes with all that it has', async () => {
  const { id } = await make(fleet('web', { replicas: 3, spread: { rack: { required: false } } }));
  const ready = await settled(id);
  expect(ready.status).toMatchObject({ replicas: 3, readyReplicas: 3, updatedReplicas: 3 });
  expect(ready.status?.reservations).toEqual({});
  const three = await machines();
  expect(three.map(({ name }) => name)).toEqual(['web-0', 'web-1', 'web-2']);
  expect(three.map(({ labels }) => labels)).toEqual(three.map(() => ({ fleet: 'web' })));
  expect(new Set(three.map(({ status }) => status?.nodeId)).size).toBe(3);
  const members = Object.values(ready.status?.members ?? {});
  expect(members.map(({ vmId }) => vmId)).toEqual(three.map((vm) => vm.id));
  expect(members.every(({ ipAddresses }) => ipAddresses.length === 1)).toBe(true);

  await update(id, fleet('web', { replicas: 5 }));
  await settled(id);
  expect((await machines()).slice(0, 3).map((vm) => vm.id)).toEqual(three.map((vm) => vm.id));
  await update(id, fleet('web', { replicas: 2 }));
  await until('the highest are gone', deadlineMs, async () => {
    return (await machines()).length === 2 ? true : undefined;
  });
  expect((await machines()).map((vm) => vm.id)).toEqual(three.slice(0, 2).map((vm) => vm.id));

  await client.delete(vmType, three[0]?.id ?? '');
  await until('it is made anew', deadlineMs, async () => {
    const [first, ...rest] = await machines();
    return rest.length === 1 &&
      first?.id !== three[0]?.id &&
      first?.name === 'web-0' &&
      isReady(first)
      ? true
      : undefined;
  });
  await settled(id);
  await gone(id);
});

test('a fleet that does not fit is refused as a whole, with what is missing in numbers', async () => {
  const huge = fleet('huge', { replicas: 50 }, 65_536n);
  await expect(make(huge)).rejects.toThrow(
    /of 50 machines find no room on 3 nodes: .* MiB of memory/,
  );
  const many = fleet('many', { replicas: 300 });
  await expect(make(many)).rejects.toThrow(
    /needs 300 addresses of network lan, which has 253 left; 47/,
  );
  const named = fleet('named', { replicas: 2, namePattern: 'x{index}-'.padEnd(70, 'y') });
  await expect(make(named)).rejects.toThrow(/spec.name_pattern \(machine 0\) must begin with/);
  const fixed = fleet('fixed', {
    replicas: 1,
    overrides: { 0: { ipAddresses: { wan: '10.20.0.9' } } },
  });
  await expect(make(fixed)).rejects.toThrow(
    /overrides\["0"\].ip_addresses\["wan"\] is no interface/,
  );
  expect(await client.list(fleetType)).toEqual([]);
  expect(await machines()).toEqual([]);
});

test('a change goes in waves; one that does not become ready stops it, and says why', async () => {
  const rollout = { maxUnavailable: 1 };
  const { id } = await make(fleet('db', { replicas: 3, rollout }));
  await settled(id);
  const before = await machines();
  let least = 3;
  const watching = new AbortController();
  const watch = (async () => {
    for await (const _ of client.watch(fleetType, { signal: watching.signal })) {
      const count = (await machines()).filter(isReady).length;
      least = Math.min(least, count);
    }
  })().catch(() => undefined);
  await update(id, fleet('db', { replicas: 3, rollout }, 320n));
  await settled(id);
  watching.abort();
  await watch;
  expect(least).toBeGreaterThanOrEqual(2);
  const after = await machines();
  expect(after.map((vm) => vm.id)).toEqual(before.map((vm) => vm.id));
  expect(after.map(({ spec }) => spec?.memory?.sizeMib)).toEqual([320n, 320n, 320n]);

  silenceAgents(true);
  await update(id, fleet('db', { replicas: 3, rollout }, 384n));
  const stopped = await until('the rollout waits', deadlineMs, async () => {
    const now = await get(id);
    const why = readyOf(now.status?.conditions)?.message ?? '';
    return why.includes('waits for db-0: the guest agent does not answer') ? now : undefined;
  });
  expect(stopped.status).toMatchObject({ phase: Phase.UPDATING, updatedReplicas: 1 });
  silenceAgents(false);
  await settled(id);
  await gone(id);
});
