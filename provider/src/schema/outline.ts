/**
 * The schema as a flat table that people and a gate can compare: what each attribute is, by its
 * path. Pure.
 */
import { providerFunctions } from '../function/functions.js';
import { typeJson } from '../value/type.js';
import { actionShapes } from './action-shape.js';
import { resourceShapes } from './all-shapes.js';
import { dataSourceShapes } from './data-source-shape.js';
import { ephemeralShapes } from './ephemeral-shape.js';
import { listShape } from './list-shape.js';
import type { ObjectShape } from './shape.js';

/** `resource limiquantix_vm cpu.cores` → `number, required`; in alphabetical order. */
export type Outline = Readonly<Record<string, string>>;

/** The outline of the whole provider. */
export function schemaOutline(): Outline {
  const lines: [string, string][] = [];
  for (const shapeOf of resourceShapes().values()) {
    const shape = shapeOf();
    lines.push(...outlineOf(`resource ${shape.typeName} `, shape.object));
    lines.push(...outlineOf(`list ${shape.typeName} `, listShape(shape)));
    lines.push([versionKey(shape.typeName), String(shape.schemaVersion)]);
    for (const source of dataSourceShapes(shape)) {
      lines.push(...outlineOf(`data ${source.typeName} `, source.object));
    }
  }
  for (const shapeOf of actionShapes().values()) {
    const { typeName, request } = shapeOf();
    lines.push(...outlineOf(`action ${typeName} `, request));
  }
  for (const shapeOf of ephemeralShapes().values()) {
    const { typeName, object } = shapeOf();
    lines.push(...outlineOf(`ephemeral ${typeName} `, object));
  }
  for (const { name, parameters, variadic, returns } of providerFunctions.values()) {
    const args = parameters.map(({ type }) => typeJson(type));
    if (variadic !== undefined) args.push(`${typeJson(variadic.type)}...`);
    lines.push([`function ${name}`, `(${args.join(', ')}) ${typeJson(returns)}`]);
  }
  return Object.fromEntries(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const versionKey = (typeName: string): string => `version ${typeName}`;

function outlineOf(prefix: string, shape: ObjectShape): [string, string][] {
  return shape.attributes.flatMap(({ name, mode, role, collection, element }) => {
    const path = `${prefix}${name}`;
    const kind = typeof element === 'string' ? element : 'object';
    const type = collection === 'one' ? kind : `${collection} of ${kind}`;
    const own: [string, string] = [
      path,
      [type, mode, ...(role === 'secret' ? [role] : [])].join(', '),
    ];
    return typeof element === 'string' ? [own] : [own, ...outlineOf(`${path}.`, element)];
  });
}

/** What between two outlines breaks configurations or states that were good before. */
export function breakingChanges(before: Outline, after: Outline): string[] {
  const changed = Object.entries(before).flatMap(([path, was]) => {
    if (path.startsWith('version ')) return [];
    const is = after[path];
    if (is === undefined) return [`${path} is gone; it was ${was}`];
    return is === was || isLoosened(was, is) ? [] : [`${path} was ${was} and is ${is}`];
  });
  const demanded = Object.entries(after).flatMap(([path, is]) => {
    const isNew = before[path] === undefined && is.includes(', required');
    return isNew && hasParent(before, path) ? [`${path} is new and required`] : [];
  });
  return [...changed, ...demanded];
}

/**
 * What between two outlines makes kept states unreadable: an attribute of a resource that is gone
 * or of another type, while the version of the schema stayed as it was.
 */
export function unreadableStates(before: Outline, after: Outline): string[] {
  return Object.entries(before).flatMap(([path, was]) => {
    const [kind, typeName = ''] = path.split(' ');
    const is = after[path];
    if (kind !== 'resource' || (is !== undefined && typeOf(is) === typeOf(was))) return [];
    const key = versionKey(typeName);
    if (Number(after[key] ?? 0) > Number(before[key] ?? 0)) return [];
    return [`${path} was ${was}: states that have it need a step in the contract's state_steps`];
  });
}

const typeOf = (text: string): string => text.split(',')[0] ?? '';

/** Whether only what must be given need no longer be given. */
const isLoosened = (was: string, is: string): boolean =>
  was.replace(', required', ', optional') === is ||
  was.replace(/, (required|optional)$/, ', optional_computed') === is;

/** Whether what the attribute is in was there before. */
function hasParent(before: Outline, path: string): boolean {
  const at = path.lastIndexOf('.');
  if (at >= 0) return before[path.slice(0, at)] !== undefined;
  const type = path.slice(0, path.lastIndexOf(' ') + 1);
  return before[`${type}name`] !== undefined;
}
