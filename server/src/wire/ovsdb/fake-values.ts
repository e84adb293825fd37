/**
 * Values as the fake server holds them, and their parsing with the real server's complaints
 * (ovsdb-server 3.1, lib/ovsdb-data.c). A set or map is a JavaScript Map, so that one element
 * of ten thousand changes without a copy.
 */
import type { WireError } from './errors.js';
import { type Atom, type BaseType, type ColumnSchema, isComposite } from './schema.js';

/** A column's value: an atom, nothing, or elements (a set maps each element to true). */
export type Datum = Atom | null | Map<Atom, Atom>;

/** The uuid that stands for no row. */
export const ZERO_UUID = '00000000-0000-0000-0000-000000000000';

/** The server refuses; carries what it would answer. */
export class Refusal extends Error {
  constructor(readonly answer: WireError) {
    super(answer.error);
  }
}

/** A refusal with the server's tag and words; `syntax` is the JSON it complains about. */
export function refuse(error: string, details: string, syntax?: unknown): Refusal {
  return new Refusal({
    error,
    details,
    ...(syntax === undefined ? {} : { syntax: JSON.stringify(syntax) }),
  });
}

/** Finds the uuid a name of this transaction stands for. */
export type ResolveName = (name: string) => string;

/** Parses a value for `column`. `ignoreSize` is for mutations, whose operand may be any size. */
export function parseDatum(
  column: ColumnSchema,
  wire: unknown,
  { resolve, ignoreSize = false }: { resolve: ResolveName; ignoreSize?: boolean },
): Datum {
  const map = parseElements(column, wire, resolve);
  const { min, max } = column;
  if (!ignoreSize && (map.size < min || map.size > max)) {
    const kind = column.value ? 'map' : 'set';
    const many = max === 1 && min === 1 ? 'exactly one member' : `${min} to ${max} members`;
    const details = `${kind} must have ${many} but ${map.size} are present`;
    throw refuse('syntax error', details, wire);
  }
  if (isComposite(column) || ignoreSize) return map;
  const [first] = map.keys();
  return first ?? null;
}

function parseElements(column: ColumnSchema, wire: unknown, resolve: ResolveName): Map<Atom, Atom> {
  const [tag, content] = Array.isArray(wire) ? (wire as readonly unknown[]) : [];
  const map = new Map<Atom, Atom>();
  if (tag === 'map' && column.value && Array.isArray(content)) {
    for (const pair of content as readonly (readonly unknown[])[]) {
      if (pair.length !== 2) throw refuse('syntax error', 'expected 2-element array', pair);
      const key = parseAtom(column.key, pair[0], resolve);
      if (map.has(key)) throw refuse('syntax error', 'map contains duplicate key');
      map.set(key, parseAtom(column.value, pair[1], resolve));
    }
    return map;
  }
  if (column.value) throw refuse('syntax error', 'expected ["map", <array>]', wire);
  const atoms: readonly unknown[] = tag === 'set' && Array.isArray(content) ? content : [wire];
  for (const atom of atoms) {
    const key = parseAtom(column.key, atom, resolve);
    if (map.has(key)) throw refuse('syntax error', 'set contains duplicate');
    map.set(key, true);
  }
  return map;
}

function parseAtom(base: BaseType, wire: unknown, resolve: ResolveName): Atom {
  if (base.type === 'uuid') {
    const [tag, id] = Array.isArray(wire) ? (wire as readonly unknown[]) : [];
    if (tag === 'named-uuid' && typeof id === 'string') {
      if (isId(id)) return resolve(id);
      throw refuse('syntax error', 'named-uuid string is not a valid <id>', wire);
    }
    if (tag === 'uuid' && typeof id === 'string') return parseUuid(id, wire);
    throw refuse('syntax error', 'expected ["uuid", <string>]', wire);
  }
  const expected = base.type === 'integer' ? 'number' : base.type;
  const fits = typeof wire === expected && (base.type !== 'integer' || Number.isInteger(wire));
  if (!fits) throw refuse('syntax error', `expected ${base.type}`, wire);
  const atom = wire as Atom;
  if (base.allowed && !base.allowed.includes(String(atom))) {
    const allowed = base.allowed.join(', ');
    throw refuse('constraint violation', `${atom} is not one of the allowed values ([${allowed}])`);
  }
  return atom;
}

/** Whether text is an `<id>` of RFC 7047 §3.1: what a row may be named in a transaction. */
export function isId(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}

/** Checks a uuid's form. */
export function parseUuid(id: string, wire: unknown): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return id.toLowerCase();
  throw refuse('syntax error', `"${id}" is not a valid UUID`, wire);
}

/** The value of a column that was never written. */
export function initialDatum(column: ColumnSchema): Datum {
  if (isComposite(column)) {
    return column.min === 0 ? new Map() : new Map([[ZERO_UUID, true]]);
  }
  if (column.min === 0) return null;
  const defaults = { string: '', integer: 0, boolean: false, uuid: ZERO_UUID };
  return defaults[column.key.type];
}

/** Whether a value is the one a column starts with. */
export function isDefault(column: ColumnSchema, datum: Datum): boolean {
  if (datum instanceof Map) return datum.size === 0;
  return datum === initialDatum(column);
}

/** A value in OVSDB notation; the server writes a set of one as its element. */
export function formatDatum(column: ColumnSchema, datum: Datum): unknown {
  if (datum === null) return ['set', []];
  if (!(datum instanceof Map)) return formatAtom(column.key, datum);
  const { key, value } = column;
  if (value) {
    return ['map', [...datum].map(([k, v]) => [formatAtom(key, k), formatAtom(value, v)])];
  }
  const atoms = [...datum.keys()].map((atom) => formatAtom(key, atom));
  return atoms.length === 1 ? atoms[0] : ['set', atoms];
}

function formatAtom(base: BaseType, atom: Atom): unknown {
  return base.type === 'uuid' ? ['uuid', atom] : atom;
}

/** Whether two values of one column are equal. */
export function equalData(left: Datum, right: Datum): boolean {
  if (!(left instanceof Map) || !(right instanceof Map)) return left === right;
  return left.size === right.size && includesAll(left, right);
}

/** Whether `whole` has every element (and, in a map, the same value for it) of `part`. */
export function includesAll(whole: Map<Atom, Atom>, part: Map<Atom, Atom>): boolean {
  for (const [key, value] of part) if (whole.get(key) !== value) return false;
  return true;
}
