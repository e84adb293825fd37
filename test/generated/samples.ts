/**
 * Values for any attribute of any resource, made from the contract's rules: the first, the second
 * and so on that may stand there. What rules can't tell is in `hints.ts`.
 */
import { type DescField, getOption, hasOption } from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as rulesOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { enumWords } from '../../provider/src/schema/enum-words.js';
import { isOneofRequired } from '../../provider/src/schema/rules.js';
import type { Attribute, ObjectShape } from '../../provider/src/schema/shape.js';
import { type ObjectValue, record, type Value } from '../../provider/src/value/value.js';
import { fieldSamples, neededAttributes, objectSamples } from './hints.js';
import { texts } from './texts.js';

/** The id of the n-th resource of a type that others refer to. */
export type Dependency = (type: string, n: number) => Promise<string>;

/** Projects that exist. */
const projectsOf = (attribute: Attribute): readonly Value[] | undefined =>
  nameOf(attribute).endsWith('.project_id') ? ['default', 'other'] : undefined;

/** Makes values. */
export class Samples {
  constructor(private readonly dependency: Dependency) {}

  /** The n-th value for an attribute. Throws where there aren't so many. */
  async value(attribute: Attribute, n: number): Promise<Value> {
    const { collection } = attribute;
    const hinted = fieldSamples[nameOf(attribute)] ?? projectsOf(attribute);
    if (hinted !== undefined) return pick(hinted, n, attribute);
    if (collection === 'one') return this.element(attribute, n);
    const { minItems = 1, rules } = sizeOf(attribute);
    if (collection === 'map') {
      const keys = keysFor(rules);
      const count = Math.max(1, minItems);
      const entries = await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const item = await this.element(attribute, n + i);
          return [keys[i] ?? `k${i}`, item] as const;
        }),
      );
      return record(entries);
    }
    const count = Math.max(1, minItems);
    return Promise.all(Array.from({ length: count }, (_, i) => this.element(attribute, n + i)));
  }

  /** An object with what it needs and no more: its n-th values. */
  async least(shape: ObjectShape, n: number): Promise<ObjectValue> {
    const typeName = shape.message?.typeName ?? '';
    const hint = objectSamples[typeName];
    const needed = neededAttributes[typeName] ?? [];
    const value = record(shape.attributes.map(({ name }) => [name, null] as const));
    for (const attribute of shape.attributes) {
      const { name, mode, role } = attribute;
      const isNeeded = mode === 'required' || needed.includes(name);
      if (hint !== undefined && name in hint) value[name] = hint[name] ?? null;
      else if (isNeeded && role === 'field') value[name] = await this.value(attribute, n);
    }
    const oneofs = new Set(shape.attributes.flatMap(({ field }) => field?.oneof ?? []));
    for (const oneof of oneofs) {
      const names = oneof.fields.map((field) => field.name);
      const isGiven = names.some((name) => (value[name] ?? null) !== null);
      if (isGiven || !isOneofRequired(oneof)) continue;
      const first = shape.attributes.find(({ name }) => names.includes(name));
      if (first !== undefined) value[first.name] = await this.value(first, n);
    }
    return value;
  }

  private async element(attribute: Attribute, n: number): Promise<Value> {
    const { element, behavior, field } = attribute;
    if (typeof element !== 'string') return this.least(element, n);
    if (behavior.reference !== '') return this.dependency(behavior.reference, n);
    if (field?.enum !== undefined) {
      const words = enumWords(attribute).map(({ word }) => word);
      return pick(rotated(words, behavior.default), n, attribute);
    }
    const rules = elementRules(field);
    if (element === 'bool') return pick(rotated([true, false], behavior.default), n, attribute);
    if (element === 'number') return pick(numbersFor(rules), n, attribute);
    return pick(textsFor(rules, field), n, attribute);
  }
}

/** A key for an entry of a map. */
export const mapKeyOf = (attribute: Attribute): string =>
  keysFor(sizeOf(attribute).rules)[0] ?? 'one';

/** The full name of an attribute's field, such as `limiquantix.compute.v1.CpuSpec.cores`. */
export function nameOf({ field, name }: Attribute): string {
  return field === undefined ? name : `${field.parent.typeName}.${field.name}`;
}

function pick<T>(from: readonly T[], n: number, attribute: Attribute): T {
  const found = from[n % Math.max(1, from.length)];
  if (found !== undefined) return found;
  throw new Error(
    `no value is known for ${nameOf(attribute)}: add some to test/generated/hints.ts`,
  );
}

/** The default last: to set it is no change. */
function rotated<T>(values: readonly T[], defaultJson: string): readonly T[] {
  const fallback: unknown = defaultJson === '' ? undefined : JSON.parse(defaultJson);
  return [...values.filter((value) => value !== fallback), ...values.filter((v) => v === fallback)];
}

function rulesOf(field: DescField | undefined): FieldRules | undefined {
  return field !== undefined && hasOption(field, rulesOption)
    ? getOption(field, rulesOption)
    : undefined;
}

/** The rules of an element: of a list's items, of a map's values, or of the field itself. */
function elementRules(field: DescField | undefined): FieldRules | undefined {
  const rules = rulesOf(field);
  if (rules?.type.case === 'repeated') return rules.type.value.items;
  if (rules?.type.case === 'map') return rules.type.value.values;
  return rules;
}

function sizeOf({ field }: Attribute): { minItems?: number; rules: FieldRules | undefined } {
  const { type } = rulesOf(field) ?? {};
  if (type?.case === 'repeated') return { minItems: Number(type.value.minItems), rules: undefined };
  if (type?.case === 'map')
    return { minItems: Number(type.value.minPairs), rules: type.value.keys };
  return { rules: undefined };
}

const keysFor = (rules: FieldRules | undefined): readonly string[] =>
  textsFor(rules ?? undefined, undefined).filter((text) => /^[a-z0-9.-]+$/.test(text));

const numbers = [
  1n,
  2n,
  3n,
  4n,
  8n,
  16n,
  64n,
  100n,
  128n,
  256n,
  512n,
  1024n,
  1500n,
  2048n,
  4096n,
  65536n,
  // More than a double holds.
  9_007_199_254_740_993n,
];

interface Bounds {
  readonly greaterThan: { readonly case?: string | undefined; readonly value?: unknown };
  readonly lessThan: { readonly case?: string | undefined; readonly value?: unknown };
  readonly in: readonly unknown[];
}

function numbersFor(rules: FieldRules | undefined): readonly Value[] {
  const kind = rules?.type.case;
  const bounds = rules?.type.value as Bounds | undefined;
  if (kind === 'double' || kind === 'float') return fractionsFor(bounds);
  const low = bounds?.greaterThan;
  const high = bounds?.lessThan;
  const min =
    low?.value === undefined ? 0n : BigInt(low.value as bigint) + (low.case === 'gt' ? 1n : 0n);
  const is64 = kind === undefined || kind.endsWith('64');
  const limit = is64 ? 2n ** 63n - 1n : 2n ** 31n - 1n;
  const max =
    high?.value === undefined
      ? limit
      : BigInt(high.value as bigint) - (high.case === 'lt' ? 1n : 0n);
  const allowed = (bounds?.in ?? []).map((value) => BigInt(value as bigint));
  const all = allowed.length > 0 ? allowed : [...numbers, min, min + 1n, min + 2n, max];
  const fitting = all.filter((value) => value >= min && value <= max && value !== 0n);
  return [...new Set(fitting)].map((value) =>
    value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value,
  );
}

function fractionsFor(bounds: Bounds | undefined): readonly Value[] {
  const min = Number(bounds?.greaterThan.value ?? 0);
  const max = Number(bounds?.lessThan.value ?? 1e9);
  return [0.25, 0.5, 0.75, 1.5, 2.5, 10.5].filter((value) => value > min && value < max);
}

function textsFor(rules: FieldRules | undefined, field: DescField | undefined): readonly string[] {
  const isTime = field?.message?.typeName.startsWith('google.protobuf.') ?? false;
  if (isTime) {
    return field?.message?.name === 'Duration'
      ? ['90s', '3600s']
      : ['2031-01-01T00:00:00Z', '2032-01-01T00:00:00Z'];
  }
  const expressed = rules?.cel.map(({ id }) => texts.byRule[id]).find((list) => list !== undefined);
  if (expressed !== undefined) return expressed;
  if (rules?.type.case !== 'string') return texts.free;
  const { pattern, minLen, maxLen, maxBytes, wellKnown, in: allowed, prefix } = rules.type.value;
  if (allowed.length > 0) return allowed;
  const known = wellKnown.case === undefined ? undefined : texts.byFormat[wellKnown.case];
  const all = known ?? [...texts.free, ...texts.special];
  const regex = pattern === undefined || pattern === '' ? /^/ : new RegExp(pattern, 'u');
  const most = Math.min(Number(maxLen ?? 0n) || 1e9, Number(maxBytes ?? 0n) || 1e9);
  return all.filter(
    (text) =>
      regex.test(text) &&
      text.startsWith(prefix ?? '') &&
      text.length >= Number(minLen ?? 0n) &&
      Buffer.byteLength(text) <= most,
  );
}
