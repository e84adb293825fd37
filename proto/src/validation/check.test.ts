/** The check against protovalidate itself, and on what isn't known yet. */
import { create, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import {
  CpuSpecSchema,
  MemorySpecSchema,
  VirtualMachineSchema,
} from '../../gen/limiquantix/compute/v1/vm_pb.js';
import { AddressSetSpecSchema } from '../../gen/limiquantix/network/v1/address_set_pb.js';
import { contractFiles } from '../../gen/registry.js';
import { createCheck, violationsMax } from './check.js';
import { Fuzz, seeded } from './check-testing.js';

const matches = (text: string, pattern: string): boolean => {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return false;
  }
};
const check = createCheck({ matches });
const oracle = createValidator({ regexMatch: (pattern, text) => matches(text, pattern) });

const messages = contractFiles.flatMap((file) => file.messages.flatMap(nested));
function nested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(nested)];
}

const seed = Number(process.env['SEED'] ?? 20261127);
const triesPerMessage = 6;

test.each(messages)('judges $name as protovalidate does', (desc) => {
  const fuzz = new Fuzz(seeded(seed));
  for (let i = 0; i < triesPerMessage; i += 1) {
    const message = fuzz.message(desc);
    const expected = expectedPaths(desc, message);
    const told = check(desc, message).map(({ path }) => path);
    if (told.length === violationsMax) continue;
    const found = [...new Set(told)].sort();
    // Replay: SEED=… jest proto/src/validation
    expect({ seed, i, found }).toEqual({ seed, i, found: expected });
  }
});

function expectedPaths(desc: DescMessage, message: Message): string[] {
  const result = oracle.validate(desc, message);
  if (result.kind === 'error') throw result.error;
  const paths = (result.violations ?? []).map(({ field }) => {
    const isOneof = field.at(-1)?.kind === 'oneof';
    return pathToString(isOneof ? field.slice(0, -1) : field);
  });
  return [...new Set(paths)].sort();
}

test('judges texts of every form as protovalidate does', () => {
  const fuzz = new Fuzz(seeded(seed));
  for (let i = 0; i < 1_000; i += 1) {
    const addresses = [fuzz.text()];
    const message = create(AddressSetSpecSchema, { addresses });
    const isGood = check(AddressSetSpecSchema, message).length === 0;
    const expected = expectedPaths(AddressSetSpecSchema, message).length === 0;
    expect({ seed, addresses, isGood }).toEqual({ seed, addresses, isGood: expected });
  }
});

const vm = (value: object): Message =>
  create(VirtualMachineSchema, {
    name: 'web',
    spec: { cpu: { cores: 2 }, memory: { sizeMib: 512n }, ...value },
  });
const told = (message: Message, open?: Parameters<typeof check>[2]) =>
  check(VirtualMachineSchema, message, open).map(({ path, message: text }) => `${path} ${text}`);

test.each<[string, object, string[]]>([
  ['nothing for what is good', {}, []],
  [
    'a range, and what was given',
    { cpu: { cores: 2000 } },
    ['spec.cpu.cores must be from 1 to 512; got 2000'],
  ],
  [
    'a rule over several fields, at their message',
    { memory: { sizeMib: 512n, maxMib: 256n } },
    ['spec.memory max_mib must be at least size_mib'],
  ],
  [
    'a group of alternatives, at its message',
    { disks: { root: {} } },
    ['spec.disks["root"] needs exactly one of volume_id, volume'],
  ],
  [
    'what is wrong with a key, once',
    {
      nics: {
        'A b': { source: { case: 'portId', value: '0198c6a4-5b1e-7c3a-9d42-000000000001' } },
      },
    },
    [
      'spec.nics["A b"] as a key must begin with a lower-case letter and go on with lower-case letters, digits, _ and -, 31 characters at most',
    ],
  ],
  [
    'the words of an enum',
    { powerState: 99 },
    ['spec.power_state must be one of "running", "stopped", "paused", "suspended"; got 99'],
  ],
])('tells %s', (_, value, expected) => {
  expect(told(vm(value))).toEqual(expected);
});

test('shows no secret', () => {
  const [text] = told(
    vm({ display: { kind: { case: 'vnc', value: { password: 'x'.repeat(9_999) } } } }),
  );
  expect(text ?? '').not.toContain('xxx');
});

describe('what is not known yet', () => {
  const openAt = (...fields: DescField[]) => ({
    isOpen: (_: Message, field: DescField) => fields.includes(field),
    position: (_message: Message, _field: DescField, index: number) => index + 2,
  });
  const field = (of: DescMessage, name: string): DescField => {
    const found = of.fields.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no field ${name}`);
    return found;
  };

  test('breaks no rule of its own', () => {
    const message = vm({ cpu: {} });
    expect(told(message)).toEqual(['spec.cpu.cores must be from 1 to 512; got 0']);
    expect(told(message, openAt(field(CpuSpecSchema, 'cores')))).toEqual([]);
  });

  test('leaves rules over several fields open, and no others', () => {
    const open = openAt(field(MemorySpecSchema, 'size_mib'));
    expect(told(vm({ memory: { maxMib: 256n } }), open)).toEqual([]);
    const both = { memory: { maxMib: 256n }, cpu: { cores: 0 } };
    expect(told(vm(both), open)).toHaveLength(1);
  });

  test('in a list lets its other items be judged, each where it was written', () => {
    const addresses = field(AddressSetSpecSchema, 'addresses');
    const message = create(AddressSetSpecSchema, { addresses: ['x'.repeat(100)] });
    const paths = check(AddressSetSpecSchema, message, openAt(addresses)).map(({ path }) => path);
    expect(paths).toEqual(['addresses[2]']);
  });
});
