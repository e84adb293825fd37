import {
  create,
  type DescField,
  type DescMessage,
  equals,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { DiskBus, PowerState, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { parse, stringify } from 'yaml';
import { isPlainValue, writeField } from '../../resource/field-access.js';
import type { AnyResource } from '../../resource/resource.js';
import { withoutOutputOnly } from '../../resource/strip.js';
import { contractTypes } from '../../resource/type-registry.js';
import { enumNumber, enumWord } from './enum-words.js';
import { findType, parseTargets } from './find-type.js';
import { fromDocument } from './from-document.js';
import { nearest } from './nearest.js';
import { sizeText, spanText, timeText } from './numbers.js';
import { toDocument } from './to-document.js';

const vm = contractTypes.get('vm');

/** A message with every field set; of alternatives, the one at `choice`. */
function full(desc: DescMessage, choice: number): Message {
  const message = create(desc);
  for (const field of desc.fields) {
    const group = field.oneof?.fields;
    if (group !== undefined && group[choice % group.length] !== field) continue;
    writeField(message, field, valueFor(field, choice));
  }
  return message;
}

function valueFor(field: DescField, choice: number): unknown {
  const value = elementFor(field, choice);
  if (field.fieldKind === 'list') return [value, value];
  return field.fieldKind === 'map' ? { 'a key': value, on: value } : value;
}

function elementFor(field: DescField, choice: number): unknown {
  if (field.message !== undefined) {
    if (!isPlainValue(field.message)) return full(field.message, choice);
    return create(TimestampSchema, { seconds: 1_790_000_000n, nanos: 5_000_000 });
  }
  if (field.enum !== undefined) return field.enum.values.at(-1)?.number;
  switch (field.scalar) {
    case ScalarType.STRING:
      return ['yes', '0123', 'line 1\nline 2\n', 'ünïcode: "x"'][choice % 4];
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return new Uint8Array([0, 255, 7]);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return 0.5;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 9_007_199_254_740_993n;
    default:
      return 7;
  }
}

describe.each(contractTypes.types)('$type', (type) => {
  it.each([0, 1, 2, 3, 4, 5])(
    'is the same after it was written as YAML and read (%i)',
    (choice) => {
      const given = full(type.message, choice) as AnyResource;
      const text = stringify(toDocument(type, given), { lineWidth: 0 });
      const { type: word, ...rest } = parse(text, { intAsBigInt: true }) as Record<string, unknown>;
      expect(word).toBe(type.type);
      const { resource, issues } = fromDocument(type, rest);
      expect(issues).toEqual([]);
      const wanted = withoutOutputOnly(type, given);
      if (!equals(type.message, resource, wanted)) expect(resource).toEqual(wanted);
    },
  );
});

it('writes words, numbers, and nothing that nobody wrote', () => {
  const spec = {
    powerState: PowerState.STOPPED,
    memory: { sizeMib: 2048n },
    disks: { root: { bus: DiskBus.VIRTIO_SCSI } },
    guestAgent: {},
  };
  const status = { restartCount: 0, powerState: PowerState.UNSPECIFIED };
  const resource = create(VirtualMachineSchema, {
    name: 'web',
    revision: 9n,
    generation: 1n,
    spec,
    status,
  }) as AnyResource;
  expect(toDocument(vm, resource)).toEqual({
    type: 'vm',
    name: 'web',
    revision: 9,
    generation: 1,
    spec: {
      power_state: 'stopped',
      memory: { size_mib: 2048 },
      disks: { root: { bus: 'virtio_scsi' } },
      guest_agent: {},
    },
    status: expect.objectContaining({ restart_count: 0 }),
  });
});

describe('reading', () => {
  const cases: [unknown, string, RegExp][] = [
    [{ cpu: {} }, 'cpu', /belongs under spec/],
    [{ nam: 'x' }, 'nam', /did you mean "name"/],
    [{ name: 7n }, 'name', /must be text, not 7; write "7" in quotes/],
    [{ labels: ['a'] }, 'labels', /must be a map .* not a list/],
    [{ spec: 'x' }, 'spec', /must have fields \(.*cpu.*\), not "x"/],
    [{ spec: { cpu: { cores: 1.5 } } }, 'spec.cpu.cores', /a whole number, not 1.5/],
    [{ spec: { cpu: { cores: -1n } } }, 'spec.cpu.cores', /from 0 to 4294967295, not -1/],
    [{ spec: { cpu: { flavour: 1n } } }, 'spec.cpu.flavour', /not a field here; there are cores, /],
    [{ spec: { power_state: 'of' } }, 'spec.power_state', /one of running, stopped, .* not "of"/],
    [{ spec: { disks: [] } }, 'spec.disks', /must be a map \(NAME: \{…\}\), not a list/],
    [{ spec: { disks: { a: null } } }, 'spec.disks.a', /must not be null/],
    [
      { spec: { disks: { a: { volume_id: 'x', volume: {} } } } },
      'spec.disks.a.volume',
      /can't be given beside volume_id/,
    ],
    [{ spec: { nics: { a: { connected: 'yes' } } } }, 'spec.nics.a.connected', /true or false/],
  ];

  it.each(cases)('refuses %j', (document, path, message) => {
    const { issues } = fromDocument(vm, document);
    expect(issues.map((issue) => issue.path.join('.'))).toEqual([path]);
    expect(issues[0]?.message).toMatch(message);
  });

  it('takes full names, camel case, and what only LimiQuantix sets', () => {
    const { resource, issues } = fromDocument(vm, {
      status: { phase: 'nonsense' },
      id: 'x',
      spec: { powerState: 'POWER_STATE_STOPPED', memory: { size_mib: '64' }, cpu: null },
    });
    expect(issues).toEqual([]);
    const spec = { powerState: PowerState.STOPPED, memory: { sizeMib: 64n } };
    expect(resource).toEqual(create(VirtualMachineSchema, { spec }));
  });
});

it('knows enum values by their words', () => {
  const desc = vm.spec.fields.find(({ name }) => name === 'power_state')?.enum;
  if (desc === undefined) throw new Error('no power_state');
  expect(desc.values.map(({ number }) => enumWord(desc, number)).slice(0, 3)).toEqual([
    '',
    'running',
    'stopped',
  ]);
  expect(enumWord(desc, 99)).toBe('99');
  for (const word of ['stopped', 'STOPPED', 'POWER_STATE_STOPPED']) {
    expect(enumNumber(desc, word)).toBe(PowerState.STOPPED);
  }
});

it.each([
  ['vn', ['vm', 'vpn'], 'vm'],
  ['pool', ['port', 'storage_pool'], 'storage_pool'],
  ['netwrok', ['network', 'node'], 'network'],
  ['xyz', ['vm', 'node'], undefined],
  ['', ['vm'], undefined],
])('takes %s of %j for %s', (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
});

it('finds types and targets by what users type', () => {
  expect(['vm', 'VMs', 'storage-pools'].map((word) => findType(word).type)).toEqual([
    'vm',
    'vm',
    'storage_pool',
  ]);
  expect(() => findType('pools')).toThrow(
    'there is no type "pools"; did you mean "storage_pools"?',
  );
  const targets = (...words: string[]) =>
    parseTargets(words).map(({ type, names }) => [type.type, ...names].join(' '));
  expect(targets('vm', 'a', 'b')).toEqual(['vm a b']);
  expect(targets('vms,networks')).toEqual(['vm', 'network']);
  expect(targets('vm/a', 'network/b')).toEqual(['vm a', 'network b']);
  expect(() => targets('vms,networks', 'a')).toThrow('vm/NAME network/NAME');
  expect(() => targets('vm/a', 'b')).toThrow('"b" isn\'t of the form type/name');
});

it('writes sizes and times as people read them', () => {
  const sizes: [number, string][] = [
    [0, 'bytes'],
    [1536, 'MiB'],
    [2 ** 41 - 2 ** 30, 'bytes'],
  ];
  expect(sizes.map(([n, unit]) => sizeText(n, unit))).toEqual(['0 B', '1.5 GiB', '2 TiB']);
  const spans = [0, 59, 60, 61, 600, 3_600, 3_661, 90_000, 691_200].map((s) => spanText(s * 1000));
  expect(spans).toEqual(['0s', '59s', '1m', '1m1s', '10m', '1h', '1h1m', '1d1h', '8d']);
  expect([timeText(0, 5_000), timeText(5_000, 0)]).toEqual(['5s ago', 'in 5s']);
});
