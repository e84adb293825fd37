/**
 * What lists of a resource type can be asked for: the arguments of the data sources that list, and
 * of list resources, which find what could be imported.
 */
import { own } from './own-attributes.js';
import type { ResourceShape } from './resource-shape.js';
import { type Attribute, type ObjectShape, objectShape } from './shape.js';

/** The arguments. */
export function listArguments({ object }: ResourceShape): Attribute[] {
  return questions.filter(({ name }) => name !== 'project_id' || object.byName.has(name));
}

/** A list resource: its configuration. */
export function listShape(resource: ResourceShape): ObjectShape {
  return objectShape(undefined, listArguments(resource));
}

/** In the words of the API's List. */
const questions: readonly Attribute[] = [
  { ...own('labels', 'string', 'Only those that have all of these labels.'), collection: 'map' },
  own('project_id', 'string', 'Only those of this project.'),
  own(
    'filter',
    'string',
    'Only those that fit: terms joined by ` AND `, each `path=value`, such as ' +
      '`status.phase=running AND labels.app=web`, or an expression in CEL, such as ' +
      '`spec.cpu.cores > 4`.',
  ),
  own(
    'order_by',
    'string',
    '`name`, `created_at` or `id`, with or without ` desc`; `name` without it.',
  ),
];
