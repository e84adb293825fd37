/** The codec against the library: on random messages of every type, and on broken bytes. */
import {
  create,
  createFileRegistry,
  type DescMessage,
  getOption,
  hasOption,
  fromBinary as libraryFromBinary,
  toBinary as libraryToBinary,
  type Message,
} from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  StructSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import {
  field as fieldOption,
  file_buf_validate_validate as rulesFile,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { VirtualMachineSchema } from '../../gen/limiquantix/compute/v1/vm_pb.js';
import { resource as resourceOption } from '../../gen/limiquantix/resource/v1/options_pb.js';
import { contractFiles } from '../../gen/registry.js';
import { Fuzz, seeded } from '../validation/check-testing.js';
import { fromBinary, toBinary } from './codec.js';
import { optionOf } from './option.js';

const seed = Number(process.env['SEED'] ?? Date.now());
const triesPerMessage = 8;

const nested = (message: DescMessage): DescMessage[] => [
  message,
  ...message.nestedMessages.flatMap(nested),
];
const files = [...contractFiles, rulesFile, FileDescriptorProtoSchema.file];
const messages = files.flatMap(({ messages: some }) => some.flatMap(nested));

/** What came of it, so that errors can be compared as well. */
function attempt<T>(work: () => T): T | 'refused' {
  try {
    return work();
  } catch {
    return 'refused';
  }
}

test.each(messages)('writes and reads $typeName as the library does', (desc) => {
  const fuzz = new Fuzz(seeded(seed));
  for (let i = 0; i < triesPerMessage; i += 1) {
    const message = fuzz.message(desc);
    const expected = attempt(() => libraryToBinary(desc, message));
    const written = attempt(() => toBinary(desc, message));
    // Replay: SEED=… jest proto/src/binary
    expect({ seed, i, written: hex(written) }).toEqual({ seed, i, written: hex(expected) });
    if (expected === 'refused') continue;
    expectSame(fromBinary(desc, expected), libraryFromBinary(desc, expected));
  }
});

/** jest compares texts, of which there are large ones, a thousand times faster than bytes. */
function hex(bytes: Uint8Array | 'refused'): string {
  return bytes === 'refused' ? bytes : Buffer.from(bytes).toString('hex');
}

function expectSame(message: Message, expected: Message): void {
  expect({ seed, message }).toEqual({ seed, message: expected });
  expect(Object.keys(message)).toEqual(Object.keys(expected));
}

test('reads numbers of all sizes, and keys of all kinds', () => {
  const desc = keyed();
  const longs = [0n, 1n, -1n, 2n ** 31n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];
  const message = create(desc, {
    longs,
    zigZags: longs,
    shorts: [0, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)],
    doubles: [0, -0, 0.1, Number.NaN, Number.POSITIVE_INFINITY],
    floats: [0, 0.5, -1],
    fixed: [0, -1],
    far: longs,
    byInt: { '0': 'a', '-1': 'b' },
    byLong: { '-9223372036854775808': 'a' },
    byBool: { true: 'a', false: 'b' },
    byFixed: { '18446744073709551615': '' },
  });
  const bytes = libraryToBinary(desc, message);
  expect(toBinary(desc, message)).toEqual(bytes);
  expect(fromBinary(desc, bytes)).toEqual(libraryFromBinary(desc, bytes));
});

test('merges a message that comes twice', () => {
  const part = (value: object) => libraryToBinary(VirtualMachineSchema, vm(value));
  const twice = Buffer.concat([
    part({ cpu: { cores: 2 }, disks: { root: {} } }),
    part({ cpu: { modelName: 'Haswell' }, disks: { data: {} } }),
  ]);
  const expected = libraryFromBinary(VirtualMachineSchema, twice);
  expect(fromBinary(VirtualMachineSchema, twice)).toEqual(expected);
});

test('keeps fields that it does not know, and writes them again', () => {
  const unknown = Buffer.from(
    'f83f01f93f0000000000000001fa3f03616263fd3f00000001fb3f0801fc3f',
    'hex',
  );
  const bytes = Buffer.concat([libraryToBinary(VirtualMachineSchema, vm({})), unknown]);
  const message = fromBinary(VirtualMachineSchema, bytes);
  expect(message).toEqual(libraryFromBinary(VirtualMachineSchema, bytes));
  expect(Buffer.from(toBinary(VirtualMachineSchema, message)).equals(bytes)).toBe(true);
});

test('writes long texts, many of them, and texts that are not ASCII', () => {
  const long = 'ü'.repeat(70_000);
  const message = create(VirtualMachineSchema, {
    name: long,
    description: 'a'.repeat(41),
    labels: Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`key-${i}`, `☃ ${i}`])),
  });
  const bytes = toBinary(VirtualMachineSchema, message);
  expect(bytes).toEqual(libraryToBinary(VirtualMachineSchema, message));
  expect(fromBinary(VirtualMachineSchema, bytes)).toEqual(message);
});

test('never hangs on broken bytes, nor reads beyond them', () => {
  const random = seeded(seed);
  const whole = libraryToBinary(
    VirtualMachineSchema,
    new Fuzz(random).message(VirtualMachineSchema) as ReturnType<typeof vm>,
  );
  for (let i = 0; i < 2_000; i += 1) {
    const bytes = Uint8Array.from(whole.subarray(0, Math.ceil(random() * whole.length)));
    for (let k = 0; k < 3; k += 1) bytes[Math.floor(random() * bytes.length)] = random() * 256;
    const read = attempt(() => fromBinary(VirtualMachineSchema, bytes));
    if (read !== 'refused') expect(read.$typeName).toBe('limiquantix.compute.v1.VirtualMachine');
  }
});

test.each([
  ['text for a number', { spec: { cpu: { cores: '2' } } }, /CpuSpec\.cores/],
  ['a number that does not fit', { spec: { cpu: { cores: -1 } } }, /CpuSpec\.cores/],
  ['a number for text', { name: 7 }, /VirtualMachine\.name/],
])('refuses %s by the name of its field', (_, value, message) => {
  const wrong = create(VirtualMachineSchema, value as never);
  expect(() => toBinary(VirtualMachineSchema, wrong)).toThrow(message);
});

test('leaves to the library what only it can do', () => {
  const struct = create(StructSchema, {
    fields: { a: { kind: { case: 'numberValue', value: 1 } } },
  });
  const bytes = toBinary(StructSchema, struct);
  expect(fromBinary(StructSchema, bytes)).toEqual(struct);
});

test.each(files.map(({ proto }) => proto))('reads the description of $name', (proto) => {
  const bytes = libraryToBinary(FileDescriptorProtoSchema, proto);
  const read = fromBinary(FileDescriptorProtoSchema, bytes);
  expect(read).toEqual(libraryFromBinary(FileDescriptorProtoSchema, bytes));
  expect(toBinary(FileDescriptorProtoSchema, read)).toEqual(bytes);
});

test('finds options as the library does', () => {
  let count = 0;
  for (const message of contractFiles.flatMap((file) => file.messages.flatMap(nested))) {
    const given = hasOption(message, resourceOption);
    expect(optionOf(message, resourceOption)).toEqual(
      given ? getOption(message, resourceOption) : undefined,
    );
    for (const field of message.fields) {
      if (!hasOption(field, fieldOption)) expect(optionOf(field, fieldOption)).toBeUndefined();
      else {
        count += 1;
        expect(optionOf(field, fieldOption)).toEqual(getOption(field, fieldOption));
      }
    }
  }
  expect(count).toBeGreaterThan(100);
});

function vm(value: object) {
  return create(VirtualMachineSchema, { name: 'web', spec: value });
}

/** A message with what no message of the contract has: keys and lists of all kinds. */
function keyed(): DescMessage {
  const field = (name: string, number: number, type: Type, typeName = '') => {
    const label = Label.REPEATED;
    return { name, number, type, label, ...(typeName === '' ? {} : { typeName }) };
  };
  const keys = { Int: Type.INT32, Long: Type.SINT64, Bool: Type.BOOL, Fixed: Type.FIXED64 };
  const entries = Object.entries(keys).map(([name, type]) => ({
    name: `By${name}Entry`,
    options: { mapEntry: true },
    field: [
      { name: 'key', number: 1, type, label: Label.OPTIONAL },
      { name: 'value', number: 2, type: Type.STRING, label: Label.OPTIONAL },
    ],
  }));
  const file = create(FileDescriptorProtoSchema, {
    name: 'keyed.proto',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Keyed',
        nestedType: entries,
        field: [
          field('longs', 1, Type.INT64),
          field('zig_zags', 2, Type.SINT64),
          field('shorts', 3, Type.SINT32),
          field('doubles', 4, Type.DOUBLE),
          field('floats', 5, Type.FLOAT),
          field('fixed', 6, Type.SFIXED32),
          field('far', 1_000, Type.SFIXED64),
          ...entries.map(({ name }, i) => {
            const map = `by_${name.slice(2, -5).toLowerCase()}`;
            return field(map, 10 + i, Type.MESSAGE, `.Keyed.${name}`);
          }),
        ],
      },
    ],
  });
  const found = createFileRegistry(file, () => undefined).getMessage('Keyed');
  if (found === undefined) throw new Error('the message is not there');
  return found;
}
