/** What a reader refuses beside bytes that are no message: too many parts, and two meanings. */
import { create, toBinary } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { VirtualMachineSchema } from '../../gen/limiquantix/compute/v1/vm_pb.js';
import { contractFiles } from '../../gen/registry.js';
import { TooManyParts } from './bounds.js';
import { fromBinary } from './codec.js';
import { planOf } from './plan.js';

const labels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 'x']));

const cases: [string, number, (count: number) => Uint8Array][] = [
  [
    'entries of maps',
    1,
    (count) =>
      toBinary(VirtualMachineSchema, create(VirtualMachineSchema, { labels: labels(count) })),
  ],
  [
    'elements of lists',
    3,
    (count) => {
      const requiredFeatures = Array.from({ length: count }, () => 'avx');
      const spec = { cpu: { requiredFeatures } };
      return toBinary(VirtualMachineSchema, create(VirtualMachineSchema, { spec }));
    },
  ],
  [
    'messages in lists',
    2,
    (count) => {
      const status = { conditions: Array.from({ length: count }, () => ({})) };
      return toBinary(VirtualMachineSchema, create(VirtualMachineSchema, { status }));
    },
  ],
  ['unknown fields', 1, (count) => Buffer.alloc(3 * count, Buffer.from([0x98, 0x7d, 0x00]))],
];

test.each(cases)('%s are counted, and the messages around them', (_, around, bytesOf) => {
  const [enough, oneMore] = [bytesOf(100), bytesOf(101)];
  const bounds = { partsMax: 100 + around };
  expect(fromBinary(VirtualMachineSchema, enough, bounds)).toEqual(
    fromBinary(VirtualMachineSchema, enough),
  );
  expect(() => fromBinary(VirtualMachineSchema, oneMore, bounds)).toThrow(TooManyParts);
});

test('what the library reads in another way is refused where that is asked for', () => {
  const strict = { partsMax: 100, isStrict: true };
  // A number where `paths` has texts; the library reads it as one, with other bytes than ours.
  const otherType = Buffer.from([0x08, 0x01]);
  expect(fromBinary(FieldMaskSchema, otherType).paths).toEqual([]);
  expect(() => fromBinary(FieldMaskSchema, otherType, strict)).toThrow('another wire type');
  const key = VirtualMachineSchema.fields.find(({ name }) => name === 'labels')?.number ?? 0;
  const entry = Buffer.from([(key << 3) | 2, 4, 0x1a, 2, 0x0a, 0]);
  expect(fromBinary(VirtualMachineSchema, entry).labels).toEqual({ '': '' });
  expect(() => fromBinary(VirtualMachineSchema, entry, strict)).toThrow('more than a key');
});

test('every request of the contract is read within bounds', () => {
  const methods = contractFiles.flatMap(({ services }) => services.flatMap((one) => one.methods));
  expect(methods.length).toBeGreaterThan(100);
  expect(methods.filter(({ input }) => planOf(input) === undefined)).toEqual([]);
});
