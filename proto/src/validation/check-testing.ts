/**
 * What the tests of the check share: messages of any type with values at and around the limits of
 * their rules, from a seed.
 */
import {
  create,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as fieldOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const texts = [
  ...['', ' ', 'a', 'web-1', 'Web', '-a', 'a-', 'ünïcode ☃', '{index}', 'web-{index}', '..', '//'],
  ...['10.0.0.7', '10.0.0.07', '256.1.1.1', 'fd00::7', '::', '1::2::3', 'fe80::1%eth0', '::1%'],
  ...['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8:9', '::ffff:10.0.0.1', '1.2.3.4::', '12345::'],
  ...['10.0.0.0/24', '10.0.0.1/24', '10.0.0.0/33', '10.0.0.0/08', 'fd00::/64', 'fd00::1/64', '/24'],
  ...['0198c6a4-5b1e-7c3a-9d42-000000000001', '0198C6A45b1e7c3a9d42000000000001'],
  ...['https://example.org/a?b#c', 'http://[::1]:80/', 'http://[fe80::1%25eth0]/', '//x', 'a:'],
  ...['http://a b/', 'mailto:a@b', 'http://%zz/', 'http://%ff/', 'http://x:y@z:1/%20'],
  ...['example.org', 'example.org.', 'a..b', '-a.b', 'a.123', 'x_y', `${'a'.repeat(64)}.b`],
  ...['52:54:00:12:34:56', '53:54:00:12:34:56', 'f'.repeat(64), '0 3 * * *', '0000:01:00.0'],
  ...[
    '046d',
    'vm.get',
    'vm.*',
    '64512:100',
    '03:00',
    'A',
    'a'.repeat(31),
    'a'.repeat(32),
    '[',
    '(',
  ],
];

/** Makes messages. */
export class Fuzz {
  constructor(private readonly random: () => number) {}

  /** A message with some of its fields set. */
  message(desc: DescMessage, depth = 0): Message {
    const message = create(desc);
    for (const field of desc.fields) {
      const isDeep = depth > 3 && field.message !== undefined;
      if (isDeep || this.random() < 0.4) continue;
      const value = this.field(field, depth);
      const bag = message as unknown as Record<string, unknown>;
      if (field.oneof === undefined) bag[field.localName] = value;
      else bag[field.oneof.localName] = { case: field.localName, value };
    }
    return message;
  }

  /** Some text, sometimes a little broken. */
  text(): string {
    const text = this.pick(texts);
    if (this.random() < 0.7) return text;
    const at = Math.floor(this.random() * (text.length + 1));
    const inserted = this.pick([
      '',
      ':',
      '/',
      '.',
      '%',
      '0',
      'g',
      '[',
      ']',
      '@',
      '?',
      '#',
      '::',
      '-',
    ]);
    return text.slice(0, at) + inserted + text.slice(at + (this.random() < 0.5 ? 1 : 0));
  }

  private field(field: DescField, depth: number): unknown {
    const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
    const type = rules?.type;
    if (field.fieldKind === 'list') {
      const items = type?.case === 'repeated' ? type.value.items : undefined;
      const list = this.many(type?.case === 'repeated' ? type.value.maxItems : undefined, () =>
        this.one(field, items, depth),
      );
      return this.random() < 0.2 && list.length > 0 ? [...list, list[0]] : list;
    }
    if (field.fieldKind === 'map') {
      const { keys, values, maxPairs } = type?.case === 'map' ? type.value : {};
      const entries = this.many(maxPairs, (i) => [
        this.random() < 0.7 ? `k${i}` : this.string(keys),
        this.one(field, values, depth),
      ]);
      return Object.fromEntries(entries as [string, unknown][]);
    }
    return this.one(field, rules, depth);
  }

  private many(most: bigint | undefined, make: (i: number) => unknown): unknown[] {
    const isOver = most !== undefined && most < 70n && this.random() < 0.05;
    const length = isOver ? Number(most) + 1 : Math.floor(this.random() * 3);
    return Array.from({ length }, (_, i) => make(i));
  }

  private one(field: DescField, rules: FieldRules | undefined, depth: number): unknown {
    if (field.message !== undefined) return this.message(field.message, depth + 1);
    if (field.enum !== undefined) return this.pick([...field.enum.values.map((v) => v.number), 99]);
    switch (field.scalar) {
      case ScalarType.STRING:
        return this.string(rules);
      case ScalarType.BYTES:
        return new Uint8Array(Math.floor(this.random() * 4));
      case ScalarType.BOOL:
        return this.random() < 0.5;
      default:
        return this.number(field.scalar, rules);
    }
  }

  private string(rules: FieldRules | undefined): string {
    const most = rules?.type.case === 'string' ? rules.type.value.maxLen : undefined;
    const isOver = most !== undefined && this.random() < 0.2;
    return isOver ? 'ü'.repeat(Number(most) + (this.random() < 0.5 ? 1 : 0)) : this.text();
  }

  private number(scalar: ScalarType | undefined, rules: FieldRules | undefined): number | bigint {
    const bounds = (rules?.type.value ?? {}) as {
      readonly greaterThan?: { readonly value?: number | bigint };
      readonly lessThan?: { readonly value?: number | bigint };
    };
    const limits = [bounds.greaterThan?.value, bounds.lessThan?.value].map((n) => Number(n ?? 4));
    const all = limits.flatMap((n) => [n - 1, n, n + 1]).filter((n) => n >= 0);
    const number = this.pick([0, 1, 2, ...all]);
    const is64 = [ScalarType.UINT64, ScalarType.INT64].some((one) => one === scalar);
    return is64 ? BigInt(Math.trunc(number)) : number;
  }

  private pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)] as T;
  }
}
