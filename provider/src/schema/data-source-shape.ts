/**
 * The shapes of data sources: one that reads a resource by id or name, and one that lists a type.
 */
import { listArguments } from './list-shape.js';
import { type ResourceShape, typePrefix } from './resource-shape.js';
import { type Attribute, computedShape, type ObjectShape, objectShape } from './shape.js';

/** A data source: what it reads and how. */
export interface DataSourceShape {
  readonly typeName: string;
  readonly kind: 'one' | 'list';
  readonly resource: ResourceShape;
  readonly object: ObjectShape;
}

/** The data sources of a resource type: `limiquantix_vm` and `limiquantix_vms`. */
export function dataSourceShapes(resource: ResourceShape): DataSourceShape[] {
  return [oneShape(resource), manyShape(resource)];
}

const askedBy: Readonly<Record<string, string>> = {
  id: 'Which one to read; either this or `name` is given.',
  name: 'Which one to read; either this or `id` is given.',
  project_id: 'The project to look for the name in; `default` without it.',
};

function oneShape(resource: ResourceShape): DataSourceShape {
  const { message, attributes } = computedShape(resource.object);
  const asked = attributes.map((attribute): Attribute => {
    const note = askedBy[attribute.name];
    return note === undefined ? attribute : { ...attribute, mode: 'optional_computed', note };
  });
  const object = objectShape(message, asked);
  return { typeName: resource.typeName, kind: 'one', resource, object };
}

function manyShape(resource: ResourceShape): DataSourceShape {
  const items = computedShape(resource.object);
  const first = items.attributes[0];
  if (first === undefined) throw new Error(`${resource.typeName}: no attributes`);
  const found: Attribute = {
    ...first,
    name: resource.plural,
    mode: 'computed',
    collection: 'list',
    element: items,
    field: undefined,
    note: 'What was found, in the order of `order_by`.',
  };
  const object = objectShape(undefined, [...listArguments(resource), found]);
  return { typeName: typePrefix + resource.plural, kind: 'list', resource, object };
}
