/**
 * Placement in process: decisions in a second of one processor among 5,000 nodes, each held before
 * the next is made; and a fleet of 1,000 machines, from its request to the last machine's record,
 * on a store on disk. The floors: the least loaded of as many nodes by a loop over numbers, and as
 * many records by the store alone.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { type VmFleet, VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { createResource } from '../../server/src/api/create-resource.js';
import { FleetWriter } from '../../server/src/api/fleet-writer.js';
import { startTestInstallation } from '../../server/src/api/test-installation.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { admission } from '../../server/src/decide/admission-table.js';
import { Capacity } from '../../server/src/decide/capacity.js';
import { placeMachine } from '../../server/src/decide/place-machine.js';
import { VmFleetControlDriver } from '../../server/src/drivers/control/vm-fleet.js';
import type { Lookup } from '../../server/src/resource/lookup.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { cpuMs, print, timed } from './measure.js';

const nodesCount = 5_000;
const racks = 100;
const decisionsMax = 4_000;
/** So many have room on one node. */
const machinesOfNode = 30;
const replicas = 1_000;
const rounds = 3;

/** Measures and prints. */
export async function benchPlacement(): Promise<void> {
  const floor = Array.from({ length: rounds }, () => plainDecisionsPerSecond(nodesCount));
  const kinds = { placement: {}, placement_anti_affinity: { antiAffinity: { apart: rule() } } };
  for (const [name, placement] of Object.entries(kinds)) {
    const value = Array.from({ length: rounds }, () => decisionsPerSecond(placement, nodesCount));
    print({ name: `${name}_${nodesCount}`, value, unit: 'decisions/s', floor });
  }
  await benchFleetAdmission();
}

/** Machines of one application apart from each other. */
export const rule = () => ({ vmLabels: { app: 'web' } });

function nodes(count: number) {
  return Array.from({ length: count }, (_, n) =>
    create(NodeSchema, {
      id: `node-${n}`,
      name: `node-${String(n).padStart(4, '0')}`,
      labels: { rack: `r${n % racks}` },
      spec: {},
      status: { phase: NodePhase.READY, cpu: { total: 64 }, memory: { totalMib: 262_144n } },
    }),
  );
}

const noOthers: Lookup = {
  get: () => undefined,
  list: () => [],
  referrers: () => [],
  nowMs: () => 0,
};

type Placement = NonNullable<MessageInitShape<typeof VirtualMachineSchema>['spec']>['placement'];

function machine(n: number, placement: Placement): VirtualMachine {
  const spec = { cpu: { cores: 2 }, memory: { sizeMib: 2_048n }, ...(placement && { placement }) };
  const labels = { app: 'web' };
  return create(VirtualMachineSchema, {
    id: `vm-${n}`,
    name: `vm-${n}`,
    projectId: 'p',
    labels,
    spec,
  });
}

/** Decisions among so many nodes in a second of processor time, each held before the next. */
export function decisionsPerSecond(placement: Placement, count: number): number {
  const most = placement?.antiAffinity === undefined ? machinesOfNode * count : count;
  const decisions = Math.min(decisionsMax, most);
  // Few nodes are soon full: again with empty ones, until as many decisions were made.
  let [made, tookMs] = [0, 0];
  for (; made < decisionsMax; made += decisions) {
    const capacity = new Capacity();
    for (const resource of nodes(count)) {
      capacity.changed({ key: { type: 'node', id: resource.id }, resource, previous: undefined });
    }
    const machines = Array.from({ length: decisions }, (_, n) => machine(n, placement));
    const startMs = cpuMs();
    for (const vm of machines) {
      const placed = placeMachine(vm, { lookup: noOthers, capacity });
      if (placed.kind === 'rejected') throw new Error(placed.reasons.join());
      capacity.occupancy.hold(vm, placed.nodeId);
    }
    tookMs += cpuMs() - startMs;
  }
  return (made / tookMs) * 1_000;
}

/** The same by the plainest means: the least loaded of an array of numbers. */
export function plainDecisionsPerSecond(count: number): number {
  const decisions = decisionsMax;
  const used = new Float64Array(count);
  const startMs = cpuMs();
  for (let decision = 0; decision < decisions; decision += 1) {
    let best = 0;
    for (let n = 1; n < count; n += 1) if ((used[n] ?? 0) < (used[best] ?? 0)) best = n;
    used[best] = (used[best] ?? 0) + 1;
  }
  return (decisions / (cpuMs() - startMs)) * 1_000;
}

async function benchFleetAdmission(): Promise<void> {
  const installation = await startTestInstallation({ clock: systemClock, admission });
  try {
    const { context, writer } = installation;
    const type = contractTypes.get('vm_fleet');
    const caller = { kind: 'user', name: 'bench' } as never;
    for (const node of nodes(fleetNodes)) {
      const input = { ...node, id: '', status: undefined } as never;
      const request = { type: contractTypes.get('node'), input, caller, requestId: '' };
      const { resource } = await createResource(context, { ...request, validateOnly: false });
      const key = { type: 'node', id: resource.id };
      await writer.writeStatus(key, () => node.status);
    }
    const vm = machine(0, undefined).spec;
    if (vm === undefined) throw new Error('no machine');
    const spec = { replicas, template: { case: 'vm', value: vm } as const };
    const input = create(VmFleetSchema, { name: 'bench', spec });
    const request = { type, input, caller, requestId: 'bench', validateOnly: false };
    let fleet = input as VmFleet;
    const admitMs = await timed(async () => {
      fleet = (await createResource(context, request)).resource as VmFleet;
    });
    const decided = Object.values(fleet.status?.reservations ?? {}).length;
    if (decided !== replicas) throw new Error(`${decided} machines have a node`);
    const makeMs = await timed(() => makeAll(installation, fleet));
    const writeMs = await timed(() => writePlainly(installation));
    const floor = writeMs / 1_000;
    print({ name: `fleet_admitted_${replicas}`, value: admitMs / 1_000, unit: 's', floor });
    const value = (admitMs + makeMs) / 1_000;
    print({ name: `fleet_admitted_and_made_${replicas}`, value, unit: 's', floor });
  } finally {
    await installation.stop();
  }
}

const fleetNodes = 200;
const passesMax = 100;
type Installation = Awaited<ReturnType<typeof startTestInstallation>>;

/** Runs the fleet's driver until every machine has its record. */
async function makeAll({ context, writer }: Installation, fleet: VmFleet): Promise<void> {
  const fleets = new FleetWriter(context);
  const driver = new VmFleetControlDriver({
    capacity: context.capacity,
    newId: context.newId,
    validate: context.validate,
    vmType: contractTypes.get('vm'),
    write: (of, batch) => fleets.write(of, batch),
    requestDeletion: (key) => writer.requestDeletion(key),
  });
  await context.view.settled(await context.store.revision());
  for (let pass = 0; pass < passesMax; pass += 1) {
    const { actions } = await driver.observe(fleet, context.view);
    if (actions.length === 0) break;
    for (const action of actions) await driver.apply(fleet, action);
  }
  const made = context.view.list<VirtualMachine>('vm').filter(({ status }) => status?.nodeId);
  if (made.length !== replicas) throw new Error(`${made.length} machines have a record and a node`);
}

/** As many records of the same size, in transactions of as many keys, by the store alone. */
async function writePlainly({ context: { store } }: Installation): Promise<void> {
  const value = new Uint8Array(recordBytes);
  for (let from = 0; from < replicas; from += batch) {
    const writes = Array.from({ length: batch * keysOfMachine }, (_, n) => {
      return { kind: 'put', key: `bench/${from}/${n}`, value } as const;
    });
    await store.commit({ require: [], writes });
  }
}

const recordBytes = 300;
const batch = 50;
const keysOfMachine = 3;
