/**
 * What a plan can say of a status before anything happened: the parts that the contract says mirror
 * the spec, as far as the spec gives them.
 */
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Attribute, ObjectShape } from '../schema/shape.js';
import {
  hasUnknown,
  isList,
  isObject,
  isUnknown,
  type ObjectValue,
  record,
  sameValue,
  UNKNOWN,
  type Value,
} from '../value/value.js';

/** The resource before and as planned; `prior` is null for a new one. */
export interface StatusQuestion {
  readonly prior: ObjectValue | null;
  readonly planned: ObjectValue;
  /** Whether the change may move the resource to another node. */
  readonly mayMove: boolean;
}

/**
 * The planned status of a resource whose spec changes: what mirrors the spec, and what the contract
 * says such a change leaves alone. Unknown as a whole where that is nothing.
 */
export function planStatus(shape: ResourceShape, question: StatusQuestion): Value {
  const known = new Map<string, Value>();
  const isWhole = !shape.spec.attributes.some(
    ({ name, behavior }) => behavior.underlay && (question.planned[name] ?? null) !== null,
  );
  for (const attribute of shape.status.attributes) {
    const value =
      attribute.behavior.mirrors === ''
        ? kept(attribute, question)
        : mirror(attribute, { ...question, isWhole });
    if (!isUnknown(value)) known.set(attribute.name, value);
  }
  if (known.size === 0) return UNKNOWN;
  return record(shape.status.attributes.map(({ name }) => [name, known.get(name) ?? UNKNOWN]));
}

/** A stable attribute's value from before. */
function kept({ name, behavior }: Attribute, { prior, mayMove }: StatusQuestion): Value {
  if (!behavior.stable || mayMove || prior === null) return UNKNOWN;
  return givenValue(objectOrEmpty(prior['status'])[name] ?? null);
}

interface MirrorQuestion extends StatusQuestion {
  /** Whether the spec is all there is: nothing that it is made from has entries of its own. */
  readonly isWhole: boolean;
}

function mirror(attribute: Attribute, { prior, planned, isWhole }: MirrorQuestion): Value {
  const [root = '', ...inside] = attribute.behavior.mirrors.split('.');
  const given = planned[root] ?? null;
  if (attribute.collection !== 'map' || typeof attribute.element === 'string') {
    return givenValue(descend(given, inside));
  }
  if (!isWhole || isUnknown(given) || !isObject(given)) return UNKNOWN;
  if (Object.keys(given).length === 0) return UNKNOWN;
  const before = objectOrEmpty(prior?.[root]);
  const statusBefore = objectOrEmpty(objectOrEmpty(prior?.['status'])[attribute.name]);
  const { element } = attribute;
  return record(
    Object.entries(given).map(([key, entry]) => {
      const source = descend(entry, inside);
      const was = before[key];
      // An entry that mirrors nothing of its own follows another resource, which may change as
      // well.
      const isSame =
        was !== undefined && isObject(source) && !hasUnknown(entry) && sameValue(was, entry);
      return [key, mirrorEntry(element, source, isSame ? statusBefore[key] : undefined)];
    }),
  );
}

function mirrorEntry(shape: ObjectShape, source: Value, before: Value | undefined): Value {
  const from = objectOrEmpty(source);
  const kept = objectOrEmpty(before);
  return record(
    shape.attributes.map(({ name }) => {
      const given = givenValue(from[name] ?? null);
      return [name, isUnknown(given) ? givenValue(kept[name] ?? null) : given];
    }),
  );
}

function descend(value: Value, path: readonly string[]): Value {
  let current = value;
  for (const name of path) current = objectOrEmpty(current)[name] ?? null;
  return current;
}

/** A value that says something, or unknown. */
function givenValue(value: Value): Value {
  if (value === null || value === '') return UNKNOWN;
  return isList(value) && value.length === 0 ? UNKNOWN : value;
}

function objectOrEmpty(value: Value | undefined): ObjectValue {
  return isObject(value) ? value : {};
}
