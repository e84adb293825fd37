/**
 * When two ways of writing a value say the same to the contract: `false` and nothing, `[]` and
 * nothing, a set in another order.
 */
import type { Attribute } from '../schema/shape.js';
import { isList, isObject, sameValue, type Value } from '../value/value.js';
import { zeroIsUnset } from './fields.js';

/** Whether two values say the same. An unknown value says the same as no other. */
export function sameMeaning(attribute: Attribute, a: Value, b: Value): boolean {
  if (sameValue(a, b)) return true;
  if (attribute.collection === 'set' && isList(a) && isList(b)) return sameSet(a, b);
  return (a === null && meansNothing(attribute, b)) || (b === null && meansNothing(attribute, a));
}

/** Whether a written value says no more than none at all. */
export function meansNothing({ field, collection }: Attribute, value: Value): boolean {
  if (field === undefined) return false;
  if (collection === 'map') return isObject(value) && Object.keys(value).length === 0;
  if (collection !== 'one') return isList(value) && value.length === 0;
  return zeroIsUnset(field) && (value === '' || value === 0 || value === false);
}

/** Whether two lists have the same items, in whatever order; neither has an item twice. */
export function sameSet(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item) => b.some((other) => sameValue(item, other)));
}
