/**
 * Which changes need a new resource, and which disturb a running workload: read off the contract's
 * annotations by comparing two values. The server judges an update in the same way.
 */
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { Attribute } from '../schema/shape.js';
import type { AttributePath } from '../value/path.js';
import { isObject, type ObjectValue, sameValue, type Value } from '../value/value.js';
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

/** What an attribute takes over from those that it is in. */
interface Outer {
  readonly replaces: boolean;
  readonly disruption: Disruption;
  /** Whether it describes other resources, which are replaced for what is immutable in them. */
  readonly isBlueprint: boolean;
}

const nothingOuter: Outer = {
  replaces: false,
  disruption: Disruption.LIVE,
  isBlueprint: false,
};

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
  visitObject({ attributes, before, after, path: [], outer: nothingOuter }, found);
  return found;
}

interface Pair {
  readonly attributes: readonly Attribute[];
  readonly before: ObjectValue;
  readonly after: ObjectValue;
  readonly path: AttributePath;
  readonly outer: Outer;
}

function visitObject({ attributes, before, after, path, outer }: Pair, found: Change[]): void {
  for (const attribute of attributes) {
    if (attribute.role === 'own' || attribute.name === 'status') continue;
    const a = before[attribute.name] ?? null;
    const b = after[attribute.name] ?? null;
    if (sameMeaning(attribute, a, b)) continue;
    const inside = [...path, { attribute: attribute.name }];
    visit({ attribute, before: a, after: b, path: inside, outer: inner(attribute, outer) }, found);
  }
}

function inner({ behavior, mode }: Attribute, outer: Outer): Outer {
  const isBlueprint = outer.isBlueprint || behavior.blueprint;
  const replaces = behavior.immutable || behavior.disruption === Disruption.REPLACE;
  return {
    isBlueprint,
    replaces: outer.replaces || (replaces && mode !== 'computed' && !isBlueprint),
    disruption: behavior.disruption || outer.disruption,
  };
}

interface Difference {
  readonly attribute: Attribute;
  readonly before: Value;
  readonly after: Value;
  readonly path: AttributePath;
  readonly outer: Outer;
}

function visit({ attribute, before, after, path, outer }: Difference, found: Change[]): void {
  const { element, collection } = attribute;
  const isParts = typeof element !== 'string';
  if (isParts && isObject(before) && isObject(after)) {
    const { attributes } = element;
    if (collection === 'one') {
      visitObject({ attributes, before, after, path, outer }, found);
      return;
    }
    const shared = Object.keys(before).filter((key) => key in after);
    for (const key of shared) {
      const [a, b] = [before[key], after[key]];
      if (!isObject(a) || !isObject(b)) continue;
      visitObject({ attributes, before: a, after: b, path: [...path, { key }], outer }, found);
    }
    const isSame = (all: ObjectValue): boolean => Object.keys(all).length === shared.length;
    if (isSame(before) && isSame(after)) return;
  }
  // A message that appears or goes takes what is in it along.
  const within: Change[] = [];
  if (isParts && collection === 'one') {
    const [a, b] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
    visitObject({ attributes: element.attributes, before: a, after: b, path, outer }, within);
  }
  const isNothing = saysDefault(attribute, before, after);
  const worst = Math.max(outer.disruption, ...within.map(({ disruption }) => disruption));
  found.push({
    path,
    attribute,
    replaces: outer.replaces || within.some(({ replaces }) => replaces),
    disruption: isNothing ? Disruption.LIVE : worst,
    before,
    after,
  });
}

/** Whether only the value that holds anyway was written down, or is no longer. */
function saysDefault({ behavior }: Attribute, before: Value, after: Value): boolean {
  if (behavior.default === '') return false;
  const fallback = JSON.parse(behavior.default) as Value;
  return sameValue(before ?? fallback, after ?? fallback);
}
