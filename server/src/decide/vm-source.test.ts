import { create } from '@bufbuild/protobuf';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type VmTemplate,
  VmTemplateSchema,
  VmTemplateSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { AgentView } from '../agent/agent-view.js';
import { createValidate } from '../api/validation.js';
import { LimiError } from '../resource/error.js';
import { specReferences } from '../resource/references.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { admitVm } from './admit-vm.js';
import { admitVmTemplate } from './admit-vm-template.js';
import { Capacity } from './capacity.js';
import { asTold } from './desired.js';

const id = (n: number): string => `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const [templateId, poolId, imageId, volumeId] = [id(1), id(2), id(3), id(4)];
const root = { source: { case: 'volume' as const, value: { poolId, sizeGib: 2n, imageId } } };
const userData = (text: string) => ({ provisioning: { cloudInit: { userData: text } } });

function template(spec: object = {}): VmTemplate {
  const vm = {
    cpu: { cores: 2 },
    memory: { sizeMib: 512n },
    disks: { root },
    ...userData('host {{param.host}} in {{param.zone}}, {{ds.meta}} {{param.host}}'),
  };
  const parameters = { host: { allowedPattern: '^[a-z]+$' }, zone: { defaultValue: 'a' } };
  const whole = create(VmTemplateSpecSchema, { vm, parameters, ...spec });
  return create(VmTemplateSchema, { id: templateId, name: 'base', spec: whole });
}

function made(spec: object = {}, parameters: Record<string, string> = { host: 'web' }) {
  const source = { source: { case: 'templateId' as const, value: templateId }, parameters };
  return create(VirtualMachineSchema, {
    id: id(9),
    name: 'web',
    projectId: 'default',
    spec: { source, ...spec },
  });
}

function admit(
  next: VirtualMachine,
  world: Record<string, AnyResource[]>,
  previous?: VirtualMachine,
) {
  const view = new AgentView(contractTypes, () => 0);
  for (const [type, all] of Object.entries(world)) {
    for (const one of all) view.set({ type, id: one.id }, one);
  }
  const lookup = Object.assign(view, { findByName: () => undefined, claimant: () => undefined });
  let ids = 100;
  return admitVm({
    next: { ...next, ...(previous?.status && { status: previous.status }) },
    previous,
    lookup,
    newId: () => id(++ids),
    nowMs: 0,
    random: () => 0,
    validate: createValidate(),
    capacity: new Capacity(),
  });
}

const whole = ({ resource }: ReturnType<typeof admit>) => resource.status?.resolvedSpec;

function refusal(run: () => unknown): LimiError {
  try {
    run();
  } catch (error) {
    if (error instanceof LimiError) return error;
    throw error;
  }
  throw new Error('it was admitted');
}

describe('a machine from a template', () => {
  const world = { vm_template: [template()] };

  test('has all that the template has, its parameters filled in, and keeps its own words', () => {
    const result = admit(made(), world);
    expect(whole(result)).toMatchObject({ cpu: { cores: 2 }, memory: { sizeMib: 512n } });
    expect(whole(result)?.provisioning?.cloudInit?.userData).toBe('host web in a, {{ds.meta}} web');
    expect(whole(result)?.source).toBeUndefined();
    expect(result.resource.spec).toEqual(made().spec);
  });

  test('brings along the volumes of the template, and refers to what it refers to', () => {
    const result = admit(made(), world);
    expect(result.children).toMatchObject([{ kind: 'create', resource: { name: 'web-root' } }]);
    const refers = specReferences(contractTypes.get('vm'), result.resource).map((one) => one.id);
    expect(refers).toEqual(expect.arrayContaining([templateId, poolId, imageId]));
  });

  test('comes before the template with what it says itself', () => {
    const data = { source: { case: 'volume' as const, value: { poolId, sizeGib: 5n } } };
    const result = admit(made({ cpu: { cores: 4 }, disks: { data } }), world);
    expect(whole(result)).toMatchObject({ cpu: { cores: 4 }, memory: { sizeMib: 512n } });
    expect(Object.keys(whole(result)?.disks ?? {}).sort()).toEqual(['data', 'root']);
  });

  test('stays as it is when the template changes, also where it changes itself', () => {
    const before = admit(made({ cpu: { cores: 4 } }), world).resource;
    const vm = { cpu: { cores: 8 }, memory: { sizeMib: 4096n } };
    const later = { vm_template: [template({ vm })], vm: [before] };
    const result = admit(made({ powerState: 2 }), later, before);
    expect(whole(result)).toMatchObject({ cpu: { cores: 2 }, memory: { sizeMib: 512n } });
    expect(whole(result)?.disks['root']).toBeDefined();
  });

  test('is told to its node as if its user had written all of it', () => {
    const { spec, status } = asTold('vm', admit(made(), world).resource) as VirtualMachine;
    expect(spec).toMatchObject({ cpu: { cores: 2 } });
    expect(spec?.source).toBeUndefined();
    expect(status?.resolvedSpec ?? status?.sourceSpec).toBeUndefined();
  });

  test.each<[string, Record<string, string>, string, RegExp]>([
    ['one that it lacks', {}, 'spec.source.parameters', /needs a value for host/],
    [
      'one that there is not',
      { host: 'web', size: 'x' },
      'spec.source.parameters["size"]',
      /is no parameter of template base; it has host, zone/,
    ],
    [
      'one that does not match',
      { host: 'Web 1' },
      'spec.source.parameters["host"]',
      /must match \^\[a-z\]\+\$; got "Web 1"/,
    ],
  ])('is refused for %s', (_, parameters, path, message) => {
    const error = refusal(() => admit(made({}, parameters), world));
    expect(error.violations[0]?.path).toBe(path);
    expect(error.violations[0]?.message).toMatch(message);
  });

  test('is refused where what comes together breaks a rule', () => {
    const value = { poolId, sizeGib: 2n, sourceVolumeId: volumeId };
    const disks = { root: { source: { case: 'volume' as const, value } } };
    const error = refusal(() => admit(made({ disks }), world));
    expect(error.violations[0]?.path).toBe('spec.disks["root"].volume');
  });
});

describe('a machine from another machine', () => {
  const origin = create(VirtualMachineSchema, {
    id: id(7),
    name: 'origin',
    spec: {
      powerState: 2,
      cpu: { cores: 2 },
      memory: { sizeMib: 512n },
      disks: { root, data: { source: { case: 'volumeId', value: volumeId }, serial: 'X1' } },
      nics: {
        lan: {
          source: {
            case: 'port',
            value: { networkId: id(5), macAddress: '52:54:00:00:00:01', ipAddresses: ['10.0.0.9'] },
          },
        },
        back: { source: { case: 'portId', value: id(6) } },
      },
    },
  });
  const owner = { type: 'vm', id: origin.id, device: 'root' };
  const volumes = [
    create(VolumeSchema, { id: id(8), name: 'origin-root', owner, spec: { poolId, sizeGib: 3n } }),
    create(VolumeSchema, { id: volumeId, name: 'data', spec: { poolId, sizeGib: 9n } }),
  ];
  const port = create(PortSchema, { id: id(6), name: 'back', spec: { networkId: id(5) } });
  const copy = (parameters = {}) =>
    create(VirtualMachineSchema, {
      id: id(9),
      name: 'copy',
      spec: { source: { source: { case: 'vmId', value: origin.id }, parameters }, nics: {} },
    });
  const world = { vm: [origin], volume: volumes, port: [port] };

  test('has copies of its disks, and none of what only one can have', () => {
    const withoutNetwork = { ...origin, spec: { ...origin.spec, nics: {} } } as VirtualMachine;
    const result = admit(copy(), { ...world, vm: [withoutNetwork] });
    const sources = result.children.map(({ resource }) => [resource.name, resource.spec]);
    expect(sources).toMatchObject([
      ['copy-root', { sizeGib: 3n, source: { source: { case: 'volumeId', value: id(8) } } }],
      ['copy-data', { sizeGib: 9n, source: { source: { case: 'volumeId', value: volumeId } } }],
    ]);
    expect(whole(result)?.powerState).toBe(0);
  });

  test('takes no parameters', () => {
    const error = refusal(() => admit(copy({ a: 'b' }), world));
    expect(error.violations[0]).toMatchObject({ path: 'spec.source.parameters' });
  });
});

test('a template that names a parameter which it lacks is refused, with the path', () => {
  const next = template({ parameters: { zone: { defaultValue: 'a' } } });
  const error = refusal(() =>
    admitVmTemplate({ next, previous: undefined } as Parameters<typeof admitVmTemplate>[0]),
  );
  expect(error.violations[0]?.path).toBe('spec.vm.provisioning.cloud_init.user_data');
  expect(error.violations[0]?.message).toMatch(/no such parameter; it has zone/);
});
