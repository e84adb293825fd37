/**
 * Which changes need a new resource, and which disturb a running workload: read off the contract's
 * annotations by comparing two values.
 */
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { Attribute } from '../schema/shape.js';
import type { AttributePath } from '../value/path.js';
import { isObject, type ObjectValue, type Value } from '../value/value.js';
import { sameMeaning } from './meaning.js';

/** A changed attribute. */
export interface Change {
  readonly path: AttributePath;
  readonly attribute: Attribute;
  /** Whether it needs a new resource. */
  readonly replaces: boolean;
  /** The worst that it costs a running workload. */
  readonly disruption: Disruption;
  readonly before: Value;
  readonly after: Value;
}

/**
 * The changed attributes, as deep as both values go. Elements that a map gains or loses are changes
 * of the map and not of what is inside.
 */
export function changes(
  attributes: readonly Attribute[],
  before: ObjectValue,
  after: ObjectValue,
): Change[] {
  const found: Change[] = [];
  visitObject(attributes, before, after, [], false, found);
  return found;
}

function visitObject(
  attributes: readonly Attribute[],
  before: ObjectValue,
  after: ObjectValue,
  path: AttributePath,
  replaces: boolean,
  found: Change[],
): void {
  for (const attribute of attributes) {
    if (attribute.role === 'timeouts' || attribute.name === 'status') continue;
    const a = before[attribute.name] ?? null;
    const b = after[attribute.name] ?? null;
    if (sameMeaning(attribute, a, b)) continue;
    const inside = [...path, { attribute: attribute.name }];
    visit(attribute, a, b, inside, replaces || needsReplacement(attribute), found);
  }
}

function visit(
  attribute: Attribute,
  a: Value,
  b: Value,
  path: AttributePath,
  replaces: boolean,
  found: Change[],
): void {
  const { element, collection } = attribute;
  if (typeof element !== 'string' && isObject(a) && isObject(b)) {
    if (collection === 'one') {
      visitObject(element.attributes, a, b, path, replaces, found);
      return;
    }
    const shared = Object.keys(a).filter((key) => key in b);
    for (const key of shared) {
      const [itemA, itemB] = [a[key], b[key]];
      if (!isObject(itemA) || !isObject(itemB)) continue;
      visitObject(element.attributes, itemA, itemB, [...path, { key }], replaces, found);
    }
    if (shared.length === Object.keys(a).length && shared.length === Object.keys(b).length) return;
  }
  // A message that appears or goes takes what is in it along.
  const within: Change[] = [];
  if (typeof element !== 'string' && collection === 'one') {
    const [x, y] = [isObject(a) ? a : {}, isObject(b) ? b : {}];
    visitObject(element.attributes, x, y, path, replaces, within);
  }
  found.push({
    path,
    attribute,
    replaces: replaces || within.some((change) => change.replaces),
    disruption: Math.max(attribute.behavior.disruption, ...within.map((one) => one.disruption)),
    before: a,
    after: b,
  });
}

function needsReplacement({ behavior, mode }: Attribute): boolean {
  if (mode === 'computed') return false;
  return behavior.immutable || behavior.disruption === Disruption.REPLACE;
}
