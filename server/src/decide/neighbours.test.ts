import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Node, NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  type PlacementSpecSchema,
  type VirtualMachine,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { candidateOf, constraintsOf, demandOf } from './candidates.js';
import { neighbourRules } from './neighbours.js';
import { Occupancy } from './occupancy.js';
import { decidePlacement } from './placement.js';

const host = (id: string, rack: string, over: object = {}): Node =>
  create(NodeSchema, {
    id,
    name: id,
    spec: { topology: { rack }, ...over },
    status: { phase: NodePhase.READY, cpu: { total: 8 }, memory: { totalMib: 16_384n } },
  });

const hosts = [host('n1', 'a'), host('n2', 'a'), host('n3', 'b'), host('n4', 'b')];

type Placement = MessageInitShape<typeof PlacementSpecSchema>;

const machine = (id: string, placement: Placement = {}, app = 'web'): VirtualMachine =>
  create(VirtualMachineSchema, {
    id,
    projectId: 'p',
    labels: { app },
    spec: { cpu: { cores: 1 }, memory: { sizeMib: 1024n }, placement },
  });

const lookup = { get: () => undefined, referrers: () => [], list: () => [], nowMs: () => 0 };

function place(occupancy: Occupancy, vm: VirtualMachine, nodes = hosts) {
  const candidates = nodes.map((node) => candidateOf(node, occupancy.usedOf(node.id)));
  const spec = vm.spec;
  if (spec === undefined) throw new Error('no spec');
  const rules = neighbourRules({ vm, placement: spec.placement, occupancy, candidates });
  const placement = decidePlacement(demandOf(spec), constraintsOf(vm, lookup, rules), candidates);
  if (placement.kind === 'placed') occupancy.hold(vm, placement.nodeId);
  return placement.kind === 'placed' ? placement.nodeId : placement.reasons.join();
}

const web = { vmLabels: { app: 'web' } };

test('machines that want to be apart get nodes of their own, and the last none', () => {
  const occupancy = new Occupancy();
  const apart = { antiAffinity: { web } };
  const places = ['1', '2', '3', '4'].map((id) => place(occupancy, machine(id, apart)));
  expect(places.sort()).toEqual(['n1', 'n2', 'n3', 'n4']);
  expect(place(occupancy, machine('5', apart))).toMatch(
    /n1: is near machines of anti_affinity rule web/,
  );
});

test('racks count as one place, and a preference gives way', () => {
  const occupancy = new Occupancy();
  const rack = { ...web, topologyLabel: 'rack' };
  const apart = { antiAffinity: { web: rack } };
  expect(place(occupancy, machine('1', apart))).toBe('n1');
  expect(place(occupancy, machine('2', apart))).toBe('n3');
  expect(place(occupancy, machine('3', apart))).toMatch(/by the label rack/);
  const rather = { antiAffinity: { web: { ...rack, required: false } } };
  const other = new Occupancy();
  for (const id of ['1', '2', '3']) expect(place(other, machine(id, rather))).toMatch(/^n/);
});

test('a machine keeps away from those that want to be apart from it', () => {
  const occupancy = new Occupancy();
  const shy = machine('1', { antiAffinity: { all: { ...web, topologyLabel: 'rack' } } }, 'db');
  expect(place(occupancy, shy)).toBe('n1');
  expect(place(occupancy, machine('2'))).toBe('n3');
  const onlyA = { requiredNodeIds: ['n2'] };
  expect(place(occupancy, machine('3', onlyA))).toMatch(/want to be apart from this one/);
  expect(place(occupancy, machine('4', onlyA, 'cache'))).toBe('n2');
});

test('a machine runs near those that it wants to, by id as by label', () => {
  const occupancy = new Occupancy();
  const near = { affinity: { db: { vmIds: ['db'] } } };
  expect(place(new Occupancy(), machine('1', near))).toBe('n1');
  place(occupancy, machine('db', { requiredNodeIds: ['n4'] }, 'db'));
  expect(place(occupancy, machine('1', near))).toBe('n4');
  const byRack = { affinity: { db: { vmLabels: { app: 'db' }, topologyLabel: 'rack' } } };
  expect(place(occupancy, machine('2', byRack))).toBe('n3');
});

test('labels mean machines of the own project only', () => {
  const occupancy = new Occupancy();
  occupancy.hold({ ...machine('other'), projectId: 'q' }, 'n1');
  const candidates = hosts.map((node) => candidateOf(node, { vcpus: 0, memoryMib: 0 }));
  const vm = machine('1', { antiAffinity: { web } });
  const placement = vm.spec?.placement;
  expect(neighbourRules({ vm, placement, occupancy, candidates })).toEqual([]);
});

test('machines are spread evenly, also where one place has more room', () => {
  const occupancy = new Occupancy();
  const nodes = [...hosts.slice(0, 3), host('n4', 'b', { schedulable: false }), host('n5', 'c')];
  const spread = { spread: { rack: web } };
  const racks = new Map<string, number>();
  for (let i = 0; i < 9; i += 1) {
    const id = place(occupancy, machine(String(i), spread), nodes);
    const rack = nodes.find((node) => node.id === id)?.spec?.topology?.rack ?? '';
    racks.set(rack, (racks.get(rack) ?? 0) + 1);
  }
  expect(Object.fromEntries(racks)).toEqual({ a: 3, b: 3, c: 3 });
});

test('a node keeps what is reserved, and takes none in maintenance', () => {
  const spec = { reservedCpus: 7, reservedMemoryMib: 14_336n, cpuOvercommitRatio: 2 };
  const candidate = candidateOf(host('n', 'a', spec), { vcpus: 0, memoryMib: 0 });
  expect(candidate).toMatchObject({ capacity: { vcpus: 2, memoryMib: 2_048 }, schedulable: true });
  const away = candidateOf(host('n', 'a', { maintenance: {} }), { vcpus: 0, memoryMib: 0 });
  expect(away.schedulable).toBe(false);
});

test('room that is reserved is not given away, and comes back', () => {
  const occupancy = new Occupancy();
  occupancy.reserve('fleet', new Map([['n1', { vcpus: 64, memoryMib: 0, vms: 8 }]]));
  expect(place(occupancy, machine('1', { requiredNodeIds: ['n1'] }))).toMatch(/vCPUs are missing/);
  occupancy.reserve('fleet', new Map());
  expect(occupancy.usedOf('n1')).toEqual({ vcpus: 0, memoryMib: 0, vms: 0 });
});
