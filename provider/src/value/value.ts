/**
 * Terraform's values in memory. Lists and sets are arrays, maps and objects are plain records
 * without a prototype; numbers are `number`, `bigint` where a double would round them, or `Decimal`
 * where neither holds them. Values are never changed in place.
 */

/** Any Terraform value. */
export type Value =
  | null
  | boolean
  | string
  | number
  | bigint
  | Decimal
  | Unknown
  | readonly Value[]
  | ObjectValue;

/** A map or an object. */
export interface ObjectValue {
  readonly [key: string]: Value;
}

/** A number with more digits than a double holds, kept as Terraform sent it. */
export class Decimal {
  constructor(readonly text: string) {}
}

/**
 * A value that is decided during apply. `refinements` is what Terraform already knows of it,
 * encoded; a value that came from the configuration must go back with them unchanged.
 */
export class Unknown {
  constructor(readonly refinements?: Uint8Array) {}
}

/** The unknown value of which nothing is known. */
export const UNKNOWN = new Unknown();

/** Whether a value is unknown as a whole. */
export function isUnknown(value: Value | undefined): value is Unknown {
  return value instanceof Unknown;
}

/** Whether a value is a list or a set. */
export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether a value is a map or an object. */
export function isObject(value: Value | undefined): value is ObjectValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Unknown) &&
    !(value instanceof Decimal)
  );
}

/** Whether anything inside a value is unknown, the value itself included. */
export function hasUnknown(value: Value): boolean {
  if (isUnknown(value)) return true;
  if (isList(value)) return value.some(hasUnknown);
  if (isObject(value)) return Object.values(value).some(hasUnknown);
  return false;
}

/** A record without a prototype, so that no key of a user's collides with one. */
export function record(entries: Iterable<readonly [string, Value]> = []): Record<string, Value> {
  const result: Record<string, Value> = Object.create(null);
  for (const [key, value] of entries) result[key] = value;
  return result;
}

/**
 * Whether two values are the same, unknown values being the same as each other. Sets count as
 * lists.
 */
export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (isUnknown(a) || isUnknown(b)) return isUnknown(a) && isUnknown(b);
  if (isNumber(a) && isNumber(b)) return numberText(a) === numberText(b);
  if (isList(a)) {
    return (
      isList(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i] ?? null))
    );
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => key in b && sameValue(a[key] ?? null, b[key] ?? null))
    );
  }
  return false;
}

/** Whether a value is a number of any form. */
export function isNumber(value: Value | undefined): value is number | bigint | Decimal {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Decimal;
}

/** A number in decimal, without an exponent for integers. */
export function numberText(value: number | bigint | Decimal): string {
  return value instanceof Decimal ? value.text : value.toString();
}
