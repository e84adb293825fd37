import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { type VmFleet, VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VmTemplateSchema } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { AgentView } from '../agent/agent-view.js';
import { createValidate } from '../api/validation.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { admitFleet } from './admit-fleet.js';
import { Capacity } from './capacity.js';
import { machinesOf } from './fleet-machine.js';

const id = (n: number): string => `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const node = (n: number, rack: string) =>
  create(NodeSchema, {
    id: id(n),
    name: `host-${n}`,
    labels: { rack },
    status: { phase: NodePhase.READY, cpu: { total: 4 }, memory: { totalMib: 2_560n } },
  });
const nodes = [node(1, 'a'), node(2, 'a'), node(3, 'b')];
const blueprint = { cpu: { cores: 1 }, memory: { sizeMib: 512n } };
const validate = createValidate();

type Spec = NonNullable<MessageInitShape<typeof VmFleetSchema>['spec']>;

const fleet = (spec: Spec, status: object = {}): VmFleet =>
  create(VmFleetSchema, {
    id: id(9),
    name: 'web',
    projectId: 'default',
    spec: { template: { case: 'vm', value: blueprint }, ...spec },
    status,
  });

function worldOf(resources: Record<string, AnyResource[]> = {}) {
  const view = new AgentView(contractTypes, () => 0);
  for (const [type, all] of Object.entries({ node: nodes, ...resources })) {
    for (const one of all) view.set({ type, id: one.id }, one);
  }
  const names = resources['vm'] ?? [];
  const lookup = Object.assign(view, {
    findByName: ({ name }: { name: string }) => names.find((one) => one.name === name),
    claimant: () => undefined,
  });
  return { lookup, capacity: Capacity.of(view) };
}

function admit(next: VmFleet, previous?: VmFleet, world = worldOf()) {
  return admitFleet({
    ...world,
    next,
    previous,
    validate,
    newId: () => id(100),
    nowMs: 0,
    random: () => 0,
  });
}

function refusal(run: () => unknown): LimiError {
  try {
    run();
  } catch (error) {
    if (error instanceof LimiError) return error;
    throw error;
  }
  throw new Error('it was admitted');
}

const placesOf = ({ resource }: ReturnType<typeof admit>): string[] =>
  Object.values(resource.status?.reservations ?? {}).map(({ nodeId }) => nodeId);
const free = ({ capacity }: ReturnType<typeof worldOf>) =>
  capacity.candidates().map(({ used }) => ({ ...used }));

test('keeps room for every machine, spread, and leaves the capacity as it was', () => {
  const world = worldOf();
  const before = free(world);
  const result = admit(fleet({ replicas: 4, spread: { rack: {} } }), undefined, world);
  const inRackB = placesOf(result).filter((nodeId) => nodeId === id(3));
  expect(placesOf(result)).toHaveLength(4);
  expect(inRackB).toHaveLength(2);
  expect(free(world)).toEqual(before);
  expect(result.room?.get(id(3))).toMatchObject({ vcpus: 2, memoryMib: 1_024 });
});

test('is refused as a whole, with the shortfall in numbers', () => {
  const world = worldOf();
  const before = free(world);
  const error = refusal(() => admit(fleet({ replicas: 20 }), undefined, world));
  expect(error.reason).toBe('FLEET_DOES_NOT_FIT');
  expect(error.message).toMatch(
    /^8 of 20 machines find no room on 3 nodes: 8 vCPUs and 4096 MiB of memory are missing/,
  );
  expect(error.violations[0]?.path).toBe('spec.replicas');
  expect(free(world)).toEqual(before);
});

test('sees the room that another fleet has been promised', () => {
  const other = { ...admit(fleet({ replicas: 8 })).resource, id: id(8), name: 'other' } as VmFleet;
  const world = worldOf({ vm_fleet: [other] });
  expect(placesOf(admit(fleet({ replicas: 4 }), undefined, world))).toHaveLength(4);
  expect(refusal(() => admit(fleet({ replicas: 5 }), undefined, world)).message).toMatch(/^1 of 5/);
});

test('keeps what was promised when it is scaled, and promises the rest', () => {
  const three = admit(fleet({ replicas: 3 })).resource;
  const world = worldOf({ vm_fleet: [three] });
  const five = admit(fleet({ replicas: 5 }, three.status), three, world).resource;
  expect(five.status?.reservations).toMatchObject({ ...three.status?.reservations });
  expect(Object.keys(five.status?.reservations ?? {})).toEqual(['0', '1', '2', '3', '4']);
  const one = admit(fleet({ replicas: 1 }, three.status), three, world).resource;
  expect(Object.keys(one.status?.reservations ?? {})).toEqual(['0']);
});

test('is refused where machines that run would outgrow their nodes', () => {
  const members = [0, 1].map((index) =>
    create(VirtualMachineSchema, {
      id: id(50 + index),
      name: `web-${index}`,
      owner: { type: 'vm_fleet', id: id(9), device: String(index) },
      spec: blueprint,
      status: { nodeId: id(1) },
    }),
  );
  const before = fleet({ replicas: 2 });
  const grown = { cpu: { cores: 1 }, memory: { sizeMib: 1_536n } };
  const next = fleet({ replicas: 2, template: { case: 'vm', value: grown as never } });
  const error = refusal(() => admit(next, before, worldOf({ vm: members, vm_fleet: [before] })));
  expect(error.message).toBe(
    'machines would outgrow their nodes: host-1: 1024 MiB of memory are missing',
  );
});

test.each<[string, Spec, string, RegExp]>([
  [
    'a name that is too long',
    { namePattern: `{index}${'x'.repeat(70)}` },
    'spec.name_pattern',
    /machine 0/,
  ],
  [
    'an address for an interface that there is not',
    { overrides: { 0: { ipAddresses: { wan: '10.0.0.9' } } } },
    'spec.overrides["0"].ip_addresses["wan"]',
    /no interface/,
  ],
])('refuses %s, with the path', (_, spec, path, message) => {
  const error = refusal(() => admit(fleet({ replicas: 2, ...spec })));
  expect(error.violations[0]?.path).toBe(path);
  expect(error.violations[0]?.message).toMatch(message);
});

test('refuses a name that another machine has', () => {
  const other = create(VirtualMachineSchema, { id: id(60), name: 'web-1' });
  const error = refusal(() => admit(fleet({ replicas: 2 }), undefined, worldOf({ vm: [other] })));
  expect(error.violations[0]).toMatchObject({ path: 'spec.name_pattern' });
});

describe('a machine of a fleet', () => {
  const template = create(VmTemplateSchema, {
    id: id(7),
    name: 'base',
    spec: {
      vm: {
        ...blueprint,
        provisioning: {
          cloudInit: { userData: '{{param.role}} {{fleet.name}}-{{fleet.index}} {{other}}' },
        },
      },
      parameters: { role: { defaultValue: 'worker' } },
    },
  });
  const given = fleet({
    template: { case: 'templateId', value: id(7) },
    vmLabels: { tier: 'back' },
    overrides: {
      1: {
        memory: { sizeMib: 1_024n },
        labels: { first: 'no' },
        parameters: { role: 'leader' },
        requiredNodeId: id(2),
      },
    },
  });
  const machine = machinesOf({ fleet: given, template, validate });

  test('has its number and the parameters in its texts', () => {
    expect(machine(0).spec.provisioning?.cloudInit?.userData).toBe('worker web-0 {{other}}');
    expect(machine(1).spec.provisioning?.cloudInit?.userData).toBe('leader web-1 {{other}}');
  });

  test('is different where its override says so, and there alone', () => {
    expect(machine(1)).toMatchObject({
      name: 'web-1',
      labels: { fleet: 'web', tier: 'back', first: 'no' },
      spec: { memory: { sizeMib: 1_024n }, placement: { requiredNodeIds: [id(2)] } },
    });
    expect(machine(2)).toMatchObject({
      labels: { fleet: 'web', tier: 'back' },
      spec: { memory: { sizeMib: 512n } },
    });
    expect(machine(2).spec.placement).toBeUndefined();
  });
});
