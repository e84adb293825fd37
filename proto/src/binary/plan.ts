/**
 * How a message is read and written, worked out once from its descriptor: the reader and the writer
 * follow these plans and never look at a descriptor again. Messages that the library represents in
 * a special way (wrappers, Struct, groups, 64-bit numbers as text) have no plan.
 */
import { create, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';

/** Wire types (protobuf.dev/programming-guides/encoding, "Message Structure"). */
export const wire = { varint: 0, bit64: 1, delimited: 2, startGroup: 3, endGroup: 4, bit32: 5 };

/** What a value is: a number of the wire's scalar types, or a message. */
export type Element =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType; readonly strict: boolean }
  | { readonly kind: 'message'; readonly plan: MessagePlan };

/** How one field is read and written. */
export interface FieldPlan {
  readonly number: number;
  /** The property of the message. */
  readonly name: string;
  /** The property that holds the group of alternatives it is one of. */
  readonly oneof: string | undefined;
  readonly form: 'single' | 'list' | 'map';
  readonly element: Element;
  /** The type of a map's keys. */
  readonly key: ScalarType;
  /** Whether a list of numbers is written in one piece. */
  readonly packed: boolean;
  /** Whether it is there is told apart from being zero. */
  readonly presence: boolean;
  /** Whether a message without it can't be written (proto2). */
  readonly required: boolean;
  /** The value that is not written where presence isn't told apart. */
  readonly zero: unknown;
  /** The numbers that a closed enum has; others are kept as unknown. */
  readonly closed: ReadonlySet<number> | undefined;
}

/** What a property of a new message begins with. */
export interface Beginning {
  readonly name: string;
  readonly value: 'list' | 'map' | 'oneof' | 'bytes' | { readonly constant: unknown };
}

/** How a message is read and written. */
export interface MessagePlan {
  readonly typeName: string;
  readonly byNumber: readonly (FieldPlan | undefined)[];
  /** Fields beyond the numbers that are worth an array. */
  readonly byLargeNumber: ReadonlyMap<number, FieldPlan>;
  /** By number, which is the order of writing. */
  readonly fields: readonly FieldPlan[];
  readonly beginnings: readonly Beginning[];
  /** Holds the zeros of fields with presence; undefined where a message has none. */
  readonly prototype: object | undefined;
}

const plans = new WeakMap<DescMessage, MessagePlan | 'none'>();
const arrayNumberMax = 256;
const implicitPresence = 2;
const requiredPresence = 3;

/** The plan of a message; undefined where only the library can read and write it. */
export function planOf(desc: DescMessage): MessagePlan | undefined {
  const found = plans.get(desc) ?? makePlan(desc);
  return found === 'none' ? undefined : found;
}

function makePlan(desc: DescMessage): MessagePlan | 'none' {
  const reached = reach(desc, new Set());
  const special = [...reached].some((message) => message.fields.some(isSpecial));
  if (special) {
    plans.set(desc, 'none');
    return 'none';
  }
  // All before their fields: messages may hold each other.
  const fresh = [...reached].filter((message) => !plans.has(message));
  for (const message of fresh) plans.set(message, emptyPlan(message));
  for (const message of fresh) fill(message);
  return plans.get(desc) ?? 'none';
}

function reach(desc: DescMessage, into: Set<DescMessage>): Set<DescMessage> {
  if (into.has(desc)) return into;
  into.add(desc);
  for (const { message } of desc.fields) if (message !== undefined) reach(message, into);
  return into;
}

function isSpecial(field: DescField): boolean {
  if ('longAsString' in field && field.longAsString) return true;
  if ('delimitedEncoding' in field && field.delimitedEncoding) return true;
  const { message } = field;
  if (message === undefined) return false;
  return isWrapperDesc(message) || message.typeName === 'google.protobuf.Struct';
}

type Building = {
  -readonly [Key in keyof MessagePlan]: MessagePlan[Key];
};

function emptyPlan({ typeName }: DescMessage): MessagePlan {
  return {
    typeName,
    byNumber: [],
    byLargeNumber: new Map(),
    fields: [],
    beginnings: [],
    prototype: undefined,
  };
}

function fill(desc: DescMessage): void {
  const plan = plans.get(desc) as Building;
  const fields = desc.fields.map(fieldPlan).sort((a, b) => a.number - b.number);
  const byNumber: (FieldPlan | undefined)[] = [];
  const byLargeNumber = new Map<number, FieldPlan>();
  for (const field of fields) {
    if (field.number < arrayNumberMax) byNumber[field.number] = field;
    else byLargeNumber.set(field.number, field);
  }
  // The library knows best what a new message looks like.
  const blank = create(desc) as Record<string, unknown>;
  const prototype: unknown = Object.getPrototypeOf(blank);
  Object.assign(plan, {
    fields,
    byNumber,
    byLargeNumber,
    prototype: prototype === Object.prototype ? undefined : prototype,
    beginnings: Object.entries(blank)
      .filter(([name]) => name !== '$typeName')
      .map(([name, value]) => ({ name, value: beginning(value) })),
  });
}

function beginning(value: unknown): Beginning['value'] {
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'list';
  if (typeof value !== 'object' || value === null) return { constant: value };
  return 'case' in value ? 'oneof' : 'map';
}

function fieldPlan(field: DescField): FieldPlan {
  const form = field.fieldKind === 'list' ? 'list' : field.fieldKind === 'map' ? 'map' : 'single';
  return {
    number: field.number,
    name: field.localName,
    oneof: field.oneof?.localName,
    form,
    element: elementOf(field),
    key: field.fieldKind === 'map' ? field.mapKey : ScalarType.STRING,
    packed: field.fieldKind === 'list' && field.packed,
    presence: field.presence !== implicitPresence,
    required: field.presence === requiredPresence,
    zero: zeroOf(field),
    closed:
      form === 'single' && field.enum?.open === false
        ? new Set(field.enum.values.map(({ number }) => number))
        : undefined,
  };
}

function elementOf(field: DescField): Element {
  if (field.message !== undefined) {
    return { kind: 'message', plan: plans.get(field.message) as MessagePlan };
  }
  const strict = 'utf8Validation' in field && field.utf8Validation === true;
  return { kind: 'scalar', scalar: field.scalar ?? ScalarType.INT32, strict };
}

function zeroOf(field: DescField): unknown {
  if (field.enum !== undefined) return field.enum.values[0]?.number ?? 0;
  if (field.scalar === ScalarType.STRING) return '';
  if (field.scalar === ScalarType.BOOL) return false;
  return 0;
}
