/**
 * Puts values of one object into another along a shape: secrets out of the configuration for what
 * is sent, nothing in their place for what Terraform keeps, and what the server decided where the
 * plan left it open.
 */
import type { Attribute, ObjectShape } from '../schema/shape.js';
import {
  isList,
  isObject,
  isUnknown,
  type ObjectValue,
  record,
  type Value,
} from '../value/value.js';

/** The value with the write-only attributes of the configuration: what is sent. */
export function withSecrets(
  shape: ObjectShape,
  value: ObjectValue,
  config: ObjectValue,
): ObjectValue {
  return combine(shape, value, config, ({ role }, mine, theirs) =>
    role === 'secret' ? theirs : mine,
  );
}

/** The value without anything in its write-only attributes: what is kept. */
export function withoutSecrets(shape: ObjectShape, value: ObjectValue): ObjectValue {
  return combine(shape, value, value, ({ role }, mine) => (role === 'secret' ? null : mine));
}

type Choice = (attribute: Attribute, mine: Value, theirs: Value) => Value;

function combine(
  shape: ObjectShape,
  mine: ObjectValue,
  theirs: ObjectValue,
  choose: Choice,
): ObjectValue {
  const result = record();
  for (const attribute of shape.attributes) {
    const a = mine[attribute.name] ?? null;
    const b = theirs[attribute.name] ?? null;
    result[attribute.name] = combineAttribute(attribute, a, b, choose);
  }
  return result;
}

function combineAttribute(attribute: Attribute, a: Value, b: Value, choose: Choice): Value {
  const { element, collection } = attribute;
  if (typeof element === 'string') return choose(attribute, a, b);
  const item = (x: Value, y: Value | undefined): Value =>
    isObject(x) ? combine(element, x, isObject(y) ? y : {}, choose) : x;
  if (collection === 'one') return item(a, b);
  if (collection === 'map' && isObject(a)) {
    const other = isObject(b) ? b : {};
    return record(Object.entries(a).map(([key, value]) => [key, item(value, other[key])]));
  }
  if (isList(a)) return a.map((value, i) => item(value, isList(b) ? b[i] : undefined));
  return a;
}

/**
 * The planned value with everything that it left open filled in; what was planned stays as planned.
 */
export function fillUnknown(planned: Value, fresh: Value): Value {
  if (isUnknown(planned)) return fresh;
  if (isObject(planned)) {
    const from = isObject(fresh) ? fresh : {};
    return record(
      Object.entries(planned).map(([key, value]) => [key, fillUnknown(value, from[key] ?? null)]),
    );
  }
  if (isList(planned)) {
    const from = isList(fresh) ? fresh : [];
    return planned.map((value, i) => fillUnknown(value, from[i] ?? null));
  }
  return planned;
}
