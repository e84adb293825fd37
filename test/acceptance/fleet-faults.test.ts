/**
 * The control plane is killed in the moment of some commit while a fleet is made, changed or
 * removed, at moments that a seed decides. Started again, it goes on: every machine is there once,
 * and after its deletion nothing is left anywhere. `FAULT_SEED` repeats a run's moments.
 */

import { create } from '@bufbuild/protobuf';
import { type VmFleet, VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { seeded } from '../../proto/src/validation/check-testing.js';
import { silentLog } from '../../server/src/log.js';
import { isReady } from '../../server/src/resource/conditions.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { type Base, machineOn, makeBase } from '../harness/declared.js';
import { untilWell } from '../harness/doctor.js';
import { SimulatedHosts } from '../harness/simulated-hosts.js';
import { until } from '../harness/wait.js';

jest.setTimeout(120_000);

const seed = Number(process.env['FAULT_SEED'] ?? Math.floor(Math.random() * 1e9));
process.stderr.write(`fleet faults in simulation: FAULT_SEED=${seed}\n`);
const replay = `FAULT_SEED=${seed} jest --selectProjects=acceptance fleet-faults`;

const deadlineMs = 60_000;
const replicas = 4;
/** Well below what a calm run takes: 65, 32 and 47. */
const commitsOfMaking = 40;
const commitsOfChanging = 20;
const commitsOfRemoving = 30;
const type = contractTypes.get('vm_fleet');
let hosts: SimulatedHosts;
let base: Base;

/** Chance that the seed decides, for a round. */
const randomOf = (round: number): (() => number) => seeded(seed + round * 7_919);

afterEach(async () => {
  await hosts?.down();
});

const fleet = (memoryMib: bigint): VmFleet => {
  const { spec } = machineOn(base, 'web');
  if (spec?.memory !== undefined) spec.memory.sizeMib = memoryMib;
  if (spec === undefined) throw new Error('no machine');
  const template = { case: 'vm', value: spec } as const;
  const rollout = { maxUnavailable: 2 };
  return create(VmFleetSchema, { name: 'web', spec: { replicas, template, rollout } });
};

/** Does something, kills the control plane at a commit of it, and starts it again. */
async function killedAt(commit: number, work: () => Promise<unknown>): Promise<void> {
  let left = commit;
  const killed = new Promise<void>((resolve, reject) => {
    hosts.onCommit = () => {
      left -= 1;
      if (left >= 0) return;
      hosts.onCommit = () => undefined;
      hosts.killServer().then(resolve, reject);
    };
  });
  await Promise.all([killed, work().catch(() => undefined)]);
  await hosts.startServer();
}

async function whole(memoryMib: bigint): Promise<VmFleet> {
  const found = await until(`the fleet is ready with ${memoryMib} MiB`, deadlineMs, async () => {
    const [one] = await hosts.list<VmFleet>('vm_fleet');
    const machines = await hosts.list<VirtualMachine>('vm');
    const isDone = machines.every((vm) => isReady(vm) && vm.spec?.memory?.sizeMib === memoryMib);
    return one !== undefined && isReady(one) && isDone ? one : undefined;
  });
  const machines = await hosts.list<VirtualMachine>('vm');
  expect(machines.map(({ name }) => name).sort()).toEqual(['web-0', 'web-1', 'web-2', 'web-3']);
  expect(found.status).toMatchObject({ replicas, readyReplicas: replicas, reservations: {} });
  const domains = hosts.world.hosts.flatMap(({ libvirtd }) =>
    libvirtd.all().map((one) => one.uuid),
  );
  expect(domains.sort()).toEqual(machines.map(({ id }) => id).sort());
  expect((await hosts.list('port')).length).toBe(replicas);
  expect((await hosts.list('volume')).length).toBe(replicas);
  await untilWell(hosts.transport, deadlineMs);
  return found;
}

test.each([0, 1, 2, 3])(
  'killed while a fleet is made, changed and removed (round %i)',
  async (n) => {
    const random = randomOf(n);
    const moment = (commits: number): number => Math.floor(random() ** 1.5 * commits);
    hosts = await SimulatedHosts.up({ hosts: 2, random, log: silentLog });
    base = await makeBase(hosts.transport);
    try {
      const make = () => hosts.client.create(type, fleet(256n), 'make');
      await killedAt(moment(commitsOfMaking), make);
      await make();
      const { id } = await whole(256n);
      const change = () => hosts.client.update(type, { ...fleet(320n), id }, ['spec']);
      await killedAt(moment(commitsOfChanging), change);
      await change();
      await whole(320n);
      const remove = () => hosts.client.delete(type, id);
      await killedAt(moment(commitsOfRemoving), remove);
      await remove().catch(() => undefined);
      for (const one of ['vm_fleet', 'vm', 'volume', 'port']) {
        await until(`no ${one} is left`, deadlineMs, async () =>
          (await hosts.list(one)).length === 0 ? true : undefined,
        );
      }
      expect(hosts.world.inventory().domains).toEqual([]);
      await untilWell(hosts.transport, deadlineMs);
    } catch (error) {
      process.stderr.write(`replay: ${replay}\n`);
      throw error;
    }
  },
);
