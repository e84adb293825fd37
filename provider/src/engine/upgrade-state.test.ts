/** States of older schemas. */
import { create } from '@bufbuild/protobuf';
import {
  ResourceOptionsSchema,
  StateStepSchema,
} from '@limiquantix/proto/resource/v1/options_pb.js';
import { schemaVersionOf } from '../schema/resource-shape.js';
import { DiagnosticError } from './diagnostic.js';
import { shapeOf } from './engine-testing.js';
import { type Upgraded, upgradeState } from './upgrade-state.js';

type Change = NonNullable<Parameters<typeof create<typeof StateStepSchema>>[1]>['change'];

/** Today's machine, as if its schema had come to be by steps. */
function machine(...steps: [number, string, Change][]): Upgraded {
  const stateSteps = steps.map(([from, attribute, change]) =>
    create(StateStepSchema, { from, attribute, ...(change && { change }) }),
  );
  const options = create(ResourceOptionsSchema, { stateSteps });
  return { ...shapeOf('vm'), options, schemaVersion: schemaVersionOf(options) };
}

const upgraded = (shape: Upgraded, version: number, state: object) =>
  JSON.parse(upgradeState(shape, version, JSON.stringify(state)));

const grown = machine(
  [0, 'ram_gb', { case: 'renameTo', value: 'memory_gb' }],
  [0, 'disks.*.volume.gigabytes', { case: 'renameTo', value: 'size_gib' }],
  [1, 'power_state', { case: 'word', value: { old: 'on', new: 'running' } }],
  [1, 'disks.*.bus', { case: 'setDefault', value: '"virtio_blk"' }],
  [2, 'memory.size_mib', { case: 'multiplyBy', value: 1024 }],
);

test('has the version after its last step', () => {
  expect(machine().schemaVersion).toBe(0);
  expect(grown.schemaVersion).toBe(3);
});

test('takes every step from the version on, in order, and none before it', () => {
  const disks = { root: { volume: { gigabytes: 20 } }, data: { volume_id: 'v', bus: 'nvme' } };
  const state = { name: 'web', power_state: 'on', memory: { size_mib: 2 }, disks };
  expect(upgraded(grown, 0, state)).toMatchObject({
    name: 'web',
    power_state: 'running',
    memory: { size_mib: 2048 },
    disks: { root: { volume: { size_gib: 20 }, bus: 'virtio_blk' }, data: { bus: 'nvme' } },
  });
  expect(upgraded(grown, 2, state)).toMatchObject({
    power_state: 'on',
    memory: { size_mib: 2048 },
    disks: { root: { bus: null } },
  });
});

test('drops what the schema no longer has, and gives null to what is new', () => {
  const after = upgraded(grown, 0, {
    name: 'web',
    gone: { very: 'much' },
    disks: { root: { old: 1 } },
  });
  expect(after).not.toHaveProperty('gone');
  expect(after.disks.root).not.toHaveProperty('old');
  expect(after).toMatchObject({ description: null, nics: null });
  expect(Object.keys(after).sort()).toEqual([...grown.object.byName.keys()].sort());
});

test('keeps every digit of a number', () => {
  const many = '12345678901234567890123';
  const shape = machine([0, 'memory.size_mib', { case: 'multiplyBy', value: 2 }]);
  const text = `{"cpu":{"cores":${many}},"memory":{"size_mib":9007199254740993}}`;
  const after = upgradeState(shape, 0, text);
  expect(after).toContain(`"cores":${many}`);
  expect(after).toContain('"size_mib":18014398509481986');
});

test("returns today's state word for word", () => {
  const odd = '{ "name" : "web", "cpu": {"cores": 1.0e1} }';
  expect(upgradeState(grown, 3, odd)).toBe(odd);
});

test('refuses a state of a newer schema with what to do', () => {
  const read = () => upgradeState(grown, 4, '{}');
  expect(read).toThrow(DiagnosticError);
  expect(read).toThrow(
    /version 4 of the schema; this one knows versions up to 3: use the provider that wrote it/,
  );
  expect(() => upgradeState(grown, 0, '[]')).toThrow(/is no object/);
});
