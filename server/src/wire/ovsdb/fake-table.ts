/**
 * The rows of one table of the fake, by uuid and by the elements of indexed columns, so that
 * equality and membership are looked up and never scanned for.
 */

import { type Datum, initialDatum } from './fake-values.js';
import type { Atom, ColumnSchema, TableSchema } from './schema.js';

/** A row; its values change in place, under a transaction that can undo it. */
export interface FakeRow {
  readonly uuid: string;
  readonly table: FakeTable;
  readonly values: Map<string, Datum>;
}

/** A column that refers to rows of another table. */
export interface Referrer {
  readonly table: FakeTable;
  readonly column: string;
}

/** A column of this table that refers to rows of `target`. */
export interface ReferenceColumn {
  readonly column: string;
  readonly schema: ColumnSchema;
  readonly target: FakeTable;
}

type Index = Map<Atom, Set<FakeRow>>;

const NONE: ReadonlySet<FakeRow> = new Set();

/** A table. */
export class FakeTable {
  readonly rows = new Map<string, FakeRow>();
  /** Columns of any table that refer to this one. */
  readonly strongReferrers: Referrer[] = [];
  readonly weakReferrers: Referrer[] = [];
  /** Columns of this table that refer to others. */
  readonly referenceColumns: Readonly<Record<'strong' | 'weak', ReferenceColumn[]>> = {
    strong: [],
    weak: [],
  };

  private readonly indexes = new Map<string, Index>();

  constructor(
    readonly name: string,
    readonly schema: TableSchema,
  ) {}

  /** A column's schema, or undefined. */
  column(name: string): ColumnSchema | undefined {
    return Object.hasOwn(this.schema.columns, name) ? this.schema.columns[name] : undefined;
  }

  /** A new row with default values, not yet part of the table. */
  newRow(uuid: string): FakeRow {
    const columns = Object.entries(this.schema.columns);
    const values = new Map(columns.map(([name, column]) => [name, initialDatum(column)]));
    return { uuid, table: this, values };
  }

  /** Puts a row in, or back. */
  add(row: FakeRow): void {
    this.rows.set(row.uuid, row);
    for (const [column, index] of this.indexes) {
      for (const key of indexKeys(row.values.get(column) ?? null)) addTo(index, key, row);
    }
  }

  /** Takes a row out. */
  remove(row: FakeRow): void {
    this.rows.delete(row.uuid);
    for (const [column, index] of this.indexes) {
      for (const key of indexKeys(row.values.get(column) ?? null)) removeFrom(index, key, row);
    }
  }

  /** Replaces the value of a column that holds one atom at most. */
  setScalar(row: FakeRow, column: string, value: Atom | null): void {
    const before = row.values.get(column) ?? null;
    row.values.set(column, value);
    const index = this.indexes.get(column);
    if (!index) return;
    for (const key of indexKeys(before)) removeFrom(index, key, row);
    if (value !== null) addTo(index, value, row);
  }

  /** Sets (or, with undefined, removes) one element of a set or map. */
  setElement(row: FakeRow, column: string, element: readonly [Atom, Atom | undefined]): void {
    const map = row.values.get(column);
    if (!(map instanceof Map)) throw new TypeError(`column ${column} has no elements`);
    const [key, value] = element;
    const index = this.indexes.get(column);
    const before = map.get(key);
    if (index && before !== undefined) removeFrom(index, elementKey(key, before), row);
    if (value === undefined) map.delete(key);
    else map.set(key, value);
    if (index && value !== undefined) addTo(index, elementKey(key, value), row);
  }

  /** The rows whose column holds `atom`, or has it as an element (with `value` in a map). */
  find(column: string, atom: Atom, value: Atom = true): ReadonlySet<FakeRow> {
    return this.index(column).get(elementKey(atom, value)) ?? NONE;
  }

  private index(column: string): Index {
    const known = this.indexes.get(column);
    if (known) return known;
    const index: Index = new Map();
    this.indexes.set(column, index);
    for (const row of this.rows.values()) {
      for (const key of indexKeys(row.values.get(column) ?? null)) addTo(index, key, row);
    }
    return index;
  }
}

function* indexKeys(datum: Datum): Iterable<Atom> {
  if (datum instanceof Map) {
    for (const [key, value] of datum) yield elementKey(key, value);
  } else if (datum !== null) yield datum;
}

function elementKey(key: Atom, value: Atom): Atom {
  return value === true ? key : `${key}\u0000${value}`;
}

function addTo(index: Index, key: Atom, row: FakeRow): void {
  const rows = index.get(key);
  if (rows) rows.add(row);
  else index.set(key, new Set([row]));
}

function removeFrom(index: Index, key: Atom, row: FakeRow): void {
  const rows = index.get(key);
  rows?.delete(row);
  if (rows?.size === 0) index.delete(key);
}

/** Ties tables together by the columns that refer from one to another. */
export function linkTables(tables: ReadonlyMap<string, FakeTable>): void {
  for (const table of tables.values()) {
    for (const [column, schema] of Object.entries(table.schema.columns)) {
      const { refTable, refType = 'strong' } = schema.key;
      const target = refTable === undefined ? undefined : tables.get(refTable);
      if (!target) continue;
      table.referenceColumns[refType].push({ column, schema, target });
      const referrers = refType === 'strong' ? target.strongReferrers : target.weakReferrers;
      referrers.push({ table, column });
    }
  }
}
