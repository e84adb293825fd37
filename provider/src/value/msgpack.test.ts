/** Golden bytes as Terraform 1.11 sends them, both ways. */
import { decodeValue } from './msgpack-decode.js';
import { encodeValue } from './msgpack-encode.js';
import type { TerraformType } from './type.js';
import { Decimal, hasUnknown, record, UNKNOWN, Unknown, type Value } from './value.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const refined = new Unknown(bytes('81 01 c2'));

test.each<[string, TerraformType, Value, string]>([
  ['null', 'string', null, 'c0'],
  ['a bool', 'bool', true, 'c3'],
  ['an empty string', 'string', '', 'a0'],
  ['a string of 32 bytes', 'string', 'x'.repeat(32), `d920${'78'.repeat(32)}`],
  ['text beyond ASCII', 'string', 'ü', 'a2 c3bc'],
  ['a small integer', 'number', 7, '07'],
  ['a negative integer', 'number', -1, 'ff'],
  ['an integer that a double rounds', 'number', 9007199254740993n, 'd3 0020000000000001'],
  ['the largest 64-bit integer', 'number', 18446744073709551615n, 'cf ffffffffffffffff'],
  ['a decimal fraction, as text', 'number', 0.1, 'a3 302e31'],
  [
    'more digits than a double has',
    'number',
    new Decimal('0.12345678901234567891'),
    `b6${Buffer.from('0.12345678901234567891').toString('hex')}`,
  ],
  ['a list', { kind: 'list', element: 'string' }, ['a', 'b'], '92 a161 a162'],
  ['a map', { kind: 'map', element: 'number' }, record([['k', 1]]), '81 a16b 01'],
  ['an unknown value', 'string', UNKNOWN, 'd4 00 00'],
  ['an unknown value with refinements', 'string', refined, 'c7 03 0c 81 01 c2'],
])('reads and writes %s', (_, type, value, golden) => {
  expect(decodeValue(bytes(golden), type)).toEqual(value);
  const written = encodeValue(value);
  expect(decodeValue(written, type)).toEqual(value);
  // The length of an extension may be written in one byte or in two.
  if (!(value instanceof Unknown)) expect(hex(written)).toBe(golden.replaceAll(' ', ''));
});

test('reads every width of a number', () => {
  const all = [
    'cc ff',
    'cd 0100',
    'ce 00010000',
    'd0 80',
    'd1 ff00',
    'd2 ffff0000',
    'cb 3ff8000000000000',
  ];
  expect(all.map((text) => decodeValue(bytes(text), 'number'))).toEqual([
    255, 256, 65536, -128, -256, -65536, 1.5,
  ]);
});

test('keeps keys that JavaScript has a meaning for', () => {
  const value = decodeValue(bytes('81 a95f5f70726f746f5f5f a161'), {
    kind: 'map',
    element: 'string',
  });
  expect(Object.entries(value ?? {})).toEqual([['__proto__', 'a']]);
  expect(hex(encodeValue(value))).toBe('81a95f5f70726f746f5f5fa161');
});

test('finds unknown values deep inside', () => {
  expect(hasUnknown(record([['a', [record([['b', UNKNOWN]])]]]))).toBe(true);
  expect(hasUnknown(record([['a', [record([['b', null]])]]]))).toBe(false);
});

test.each([
  ['a value that is cut off', 'a5 6162', 'string'],
  ['bytes after the value', 'c0 c0', 'string'],
  ['another type', '01', 'string'],
] as const)('refuses %s', (_, text, type) => {
  expect(() => decodeValue(bytes(text), type)).toThrow();
});
