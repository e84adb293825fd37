/**
 * Keeps the user's way of writing things. `false`, `""`, `[]` and nothing at all may be the same to
 * the contract; a refresh must not turn one into the other, or every plan would show a change.
 */
import type { Attribute, ObjectShape } from '../schema/shape.js';
import {
  isList,
  isObject,
  type ObjectValue,
  record,
  sameValue,
  type Value,
} from '../value/value.js';
import { meansNothing, sameSet } from './meaning.js';

/**
 * What was read, written as it was before wherever it means the same. Attributes that the server
 * doesn't know keep what they were.
 */
export function keepPrior(shape: ObjectShape, prior: ObjectValue, fresh: ObjectValue): ObjectValue {
  const result = record();
  for (const attribute of shape.attributes) {
    const before = prior[attribute.name] ?? null;
    const now = fresh[attribute.name] ?? null;
    result[attribute.name] = attribute.role === 'field' ? keep(attribute, before, now) : before;
  }
  return result;
}

function keep(attribute: Attribute, before: Value, now: Value): Value {
  if (sameValue(before, now)) return before;
  if (now === null) return meansNothing(attribute, before) ? before : now;
  if (before === null || attribute.mode === 'computed') return now;
  const { element, collection } = attribute;
  if (collection === 'set' && isList(before) && isList(now)) {
    return sameSet(before, now) ? before : now;
  }
  if (typeof element === 'string') return now;
  if (collection === 'one' && isObject(before) && isObject(now)) {
    return keepPrior(element, before, now);
  }
  if (collection === 'map' && isObject(before) && isObject(now)) {
    return record(
      Object.entries(now).map(([key, item]) => [key, keepItem(element, before[key], item)]),
    );
  }
  if (collection === 'list' && isList(before) && isList(now)) {
    return now.map((item, i) => keepItem(element, before[i], item));
  }
  return now;
}

function keepItem(shape: ObjectShape, before: Value | undefined, now: Value): Value {
  return isObject(before) && isObject(now) ? keepPrior(shape, before, now) : now;
}
