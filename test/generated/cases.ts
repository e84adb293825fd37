/** The cases: every attribute that a user may write, as a chain from the resource inwards. Pure. */
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { Attribute, ObjectShape } from '../../provider/src/schema/shape.js';
import {
  isList,
  isObject,
  type ObjectValue,
  record,
  type Value,
} from '../../provider/src/value/value.js';
import { mapKeyOf } from './samples.js';

/** An attribute with what it is in. */
export interface Case {
  /** `disks.volume.size_gib`. */
  readonly path: string;
  readonly chain: readonly Attribute[];
}

/** All attributes of a resource type that can be written, outer ones first. */
export function casesOf(typeName: string): readonly Case[] {
  const shape = resourceShapes().get(typeName)?.();
  return shape === undefined ? [] : within(shape.object, []);
}

function within(shape: ObjectShape, chain: readonly Attribute[]): Case[] {
  return shape.attributes.flatMap((attribute): Case[] => {
    const { name, mode, role, element } = attribute;
    if (mode === 'computed' || (role !== 'field' && role !== 'secret')) return [];
    const inner = [...chain, attribute];
    const path = inner.map((one) => one.name).join('.');
    const own = { path, chain: inner };
    if (typeof element === 'string' || name === '') return [own];
    return [own, ...within(element, inner)];
  });
}

/** The value at a chain, through the first item of lists and the cases' key of maps. */
export function valueAt(value: Value, chain: readonly Attribute[]): Value {
  let at = value;
  for (const [i, { name, collection, element }] of chain.entries()) {
    at = isObject(at) ? (at[name] ?? null) : null;
    const isLast = i === chain.length - 1;
    if (isLast || collection === 'one' || typeof element === 'string') continue;
    if (isList(at)) at = at[0] ?? null;
    else if (isObject(at)) at = Object.values(at)[0] ?? null;
  }
  return at;
}

/** How missing parts of a chain are made. */
export type Least = (shape: ObjectShape) => Promise<ObjectValue>;

/** A copy with the value at a chain set; what holds it is made where it is missing. */
export async function withValue(
  object: ObjectValue,
  chain: readonly Attribute[],
  value: Value,
  least: Least,
): Promise<ObjectValue> {
  const [attribute, ...rest] = chain;
  if (attribute === undefined) return object;
  const { name, element, collection } = attribute;
  const cleared = value === null ? object : withoutAlternatives(object, attribute);
  if (rest.length === 0 || typeof element === 'string') return { ...cleared, [name]: value };
  const now = cleared[name] ?? null;
  const inner = async (item: Value): Promise<ObjectValue> =>
    withValue(isObject(item) ? item : await least(element), rest, value, least);
  if (collection === 'one') return { ...cleared, [name]: await inner(now) };
  if (collection === 'map') {
    const entries = isObject(now) ? now : {};
    const key = Object.keys(entries)[0] ?? mapKeyOf(attribute);
    return {
      ...cleared,
      [name]: record([...Object.entries(entries), [key, await inner(entries[key] ?? null)]]),
    };
  }
  const [first = null, ...others] = isList(now) ? now : [];
  return { ...cleared, [name]: [await inner(first), ...others] };
}

/** Of a group of alternatives only one may be set. */
function withoutAlternatives(object: ObjectValue, { field, name }: Attribute): ObjectValue {
  if (field?.oneof === undefined) return object;
  const others = field.oneof.fields.filter((other) => other.name !== name);
  return { ...object, ...Object.fromEntries(others.map((other) => [other.name, null])) };
}

/** Whether an attribute, or what it is in, can't change. */
export const isImmutable = ({ chain }: Case): boolean =>
  chain.some(({ behavior }) => behavior.immutable);
