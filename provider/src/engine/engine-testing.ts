/**
 * What the engine's tests share: shapes by name, whole values out of parts, and files in memory.
 */
import { resourceShapes } from '../schema/all-shapes.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { ObjectShape } from '../schema/shape.js';
import { isList, isObject, type ObjectValue, record, type Value } from '../value/value.js';
import type { Files } from './files.js';

/** A resource type's shape, by the contract's name. */
export function shapeOf(type: string): ResourceShape {
  const shape = resourceShapes().get(`limiquantix_${type}`);
  if (shape === undefined) throw new Error(`no type ${type}`);
  return shape();
}

/** A value with null for everything that isn't given, as Terraform sends values. */
export function whole(
  shape: ObjectShape,
  given: { readonly [name: string]: unknown },
): ObjectValue {
  return record(
    shape.attributes.map(({ name, element, collection }) => {
      const value = (given[name] ?? null) as Value;
      if (typeof element === 'string') return [name, value];
      const item = (inner: Value): Value => (isObject(inner) ? whole(element, inner) : inner);
      if (collection === 'one') return [name, item(value)];
      if (isList(value)) return [name, value.map(item)];
      if (!isObject(value)) return [name, value];
      return [name, record(Object.entries(value).map(([key, inner]) => [key, item(inner)]))];
    }),
  );
}

/** Files by path; each content is its own hash, and every look is counted. */
export function memoryFiles(contents: Readonly<Record<string, string>>): Files & { looks: number } {
  return {
    looks: 0,
    async facts(path, known) {
      const content = contents[path];
      if (content === undefined) throw new Error('ENOENT: no such file');
      if (known?.sizeBytes === content.length) return known;
      this.looks += 1;
      return { sizeBytes: content.length, modifiedMs: 1, sha256: content };
    },
    open: () => Promise.reject(new Error('not in this test')),
  };
}
