/**
 * What of a planned resource can be judged before all of it is known: the same without the parts
 * that hold something unknown. A disk whose pool is made by the same plan is left out; processors,
 * memory and name stay. Pure.
 */
import type { Attribute, ObjectShape } from '../schema/shape.js';
import {
  hasUnknown,
  isList,
  isObject,
  type ObjectValue,
  record,
  type Value,
} from '../value/value.js';

/**
 * The value without what isn't known: entries and items as a whole, objects that lack what they
 * need, and else the unknown alone.
 */
export function knownPart(shape: ObjectShape, value: ObjectValue): ObjectValue {
  return record(
    shape.attributes.map((attribute) => [
      attribute.name,
      knownValue(attribute, value[attribute.name] ?? null),
    ]),
  );
}

function knownValue({ element, collection }: Attribute, value: Value): Value {
  if (!hasUnknown(value)) return value;
  if (collection === 'map' && isObject(value)) {
    return record(Object.entries(value).filter(([, item]) => !hasUnknown(item)));
  }
  if (collection !== 'one' && isList(value)) return value.filter((item) => !hasUnknown(item));
  if (typeof element === 'string' || !isObject(value)) return null;
  const isLacking = element.attributes.some(
    ({ name, mode }) => mode === 'required' && hasUnknown(value[name] ?? null),
  );
  return isLacking ? null : knownPart(element, value);
}
