/**
 * Turns a state into the configuration that leads to it, for `terraform plan -generate-config-out`.
 */
import type { ObjectShape } from '../schema/shape.js';
import { isList, isObject, type ObjectValue, record, type Value } from '../value/value.js';

/** The state without what a user can't or needn't write. */
export function generateConfig(shape: ObjectShape, state: ObjectValue): ObjectValue {
  return record(
    shape.attributes.map(({ name, mode, element, collection }) => {
      const value = state[name] ?? null;
      if (mode === 'computed' || mode === 'optional_computed') return [name, null];
      if (typeof element === 'string') return [name, value];
      const item = (inner: Value): Value =>
        isObject(inner) ? generateConfig(element, inner) : inner;
      if (collection === 'one') return [name, item(value)];
      if (isList(value)) return [name, value.map(item)];
      if (!isObject(value)) return [name, value];
      return [name, record(Object.entries(value).map(([key, inner]) => [key, item(inner)]))];
    }),
  );
}
