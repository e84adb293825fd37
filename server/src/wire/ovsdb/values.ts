/**
 * OVSDB notation (RFC 7047 §5.1) to plain values and back. Pure. The column's schema decides the
 * shape, because the notation itself does not tell a set of one from an atom. Plain shapes: an
 * atom, `null` for an empty optional, an array for a set, a record for a map.
 */
import { malformed } from './errors.js';
import type { Atom, BaseType, ColumnSchema } from './schema.js';

/** A reference to a row inserted in the same transaction under this name. */
export class NamedUuid {
  constructor(readonly name: string) {}
}

/** A value in OVSDB notation: JSON. */
export type WireValue = Atom | readonly unknown[];

/** The plain value of a column. */
export type PlainValue = Atom | null | readonly Atom[] | Readonly<Record<string, Atom>>;

/** A plain value that may refer to rows of the same transaction. */
export type WritableValue = PlainValue | NamedUuid | readonly (Atom | NamedUuid)[];

/** Encodes a plain value of `column`. Total: the types of the operations guard its input. */
export function encodeValue(column: ColumnSchema, value: WritableValue): WireValue {
  if (value === null) return ['set', []];
  if (value instanceof NamedUuid) return encodeAtom(column.key, value);
  if (Array.isArray(value)) {
    return ['set', value.map((atom: Atom | NamedUuid) => encodeAtom(column.key, atom))];
  }
  if (typeof value !== 'object') return encodeAtom(column.key, value);
  const { key, value: valueType } = column;
  const entries = Object.entries(value as Readonly<Record<string, Atom>>);
  return ['map', entries.map(([k, v]) => [encodeAtom(key, k), encodeAtom(valueType ?? key, v)])];
}

function encodeAtom(base: BaseType, atom: Atom | NamedUuid): WireValue {
  if (atom instanceof NamedUuid) return ['named-uuid', atom.name];
  return base.type === 'uuid' ? ['uuid', atom] : atom;
}

/** Decodes a value of `column`; throws an OvsdbError when the notation does not fit it. */
export function decodeValue(column: ColumnSchema, wire: unknown): PlainValue {
  if (column.value) {
    const pairs = decodePairs(column, wire);
    return Object.fromEntries(pairs);
  }
  const atoms = decodeAtoms(column, wire);
  if (column.max > 1) return atoms;
  const [first] = atoms;
  if (first === undefined && column.min === 1) throw malformed('an empty value');
  return first ?? null;
}

/** The elements of a set in OVSDB notation; one atom counts as a set of one. */
export function decodeAtoms(column: ColumnSchema, wire: unknown): readonly Atom[] {
  const elements = tagged(wire, 'set');
  if (elements) return elements.map((element) => decodeAtom(column.key, element));
  return [decodeAtom(column.key, wire)];
}

/** The pairs of a map in OVSDB notation. */
export function decodePairs(column: ColumnSchema, wire: unknown): readonly [string, Atom][] {
  const pairs = tagged(wire, 'map');
  if (!pairs) throw malformed('a map is expected');
  const { key, value } = column;
  return pairs.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw malformed('a pair is expected');
    return [String(decodeAtom(key, pair[0])), decodeAtom(value ?? key, pair[1])];
  });
}

function tagged(wire: unknown, tag: 'set' | 'map'): readonly unknown[] | undefined {
  if (!Array.isArray(wire) || wire[0] !== tag) return undefined;
  const content: unknown = wire[1];
  if (!Array.isArray(content)) throw malformed(`a ${tag} has no elements`);
  return content;
}

/** Decodes one atom of type `base`. */
export function decodeAtom(base: BaseType, wire: unknown): Atom {
  if (base.type === 'uuid') {
    if (Array.isArray(wire) && wire[0] === 'uuid' && typeof wire[1] === 'string') return wire[1];
    throw malformed('a uuid is expected');
  }
  const expected = base.type === 'integer' ? 'number' : base.type;
  if (typeof wire === expected) return wire as Atom;
  throw malformed(`${base.type} is expected`);
}

/** The value a column has when nothing was ever written to it (RFC 7047 §5.2.1). */
export function defaultValue(column: ColumnSchema): PlainValue {
  if (column.value) return {};
  if (column.max > 1) return [];
  if (column.min === 0) return null;
  switch (column.key.type) {
    case 'string':
      return '';
    case 'integer':
      return 0;
    case 'boolean':
      return false;
    default:
      return '00000000-0000-0000-0000-000000000000';
  }
}

/** Whether two plain values of one column are equal; the order of a set does not count. */
export function equalValues(left: PlainValue, right: PlainValue): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  if (left === null || right === null) return false;
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    const set = new Set(left);
    return right.every((atom) => set.has(atom));
  }
  const one = left as Readonly<Record<string, Atom>>;
  const other = right as Readonly<Record<string, Atom>>;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key]);
}
