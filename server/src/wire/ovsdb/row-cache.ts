/**
 * The cache behind a monitor: applies what the server sends ("update" of RFC 7047 §4.1.6 and
 * ovsdb-server's "update2", whose changes are differences) and tells listeners what changed.
 */
import type { RowIndex } from './api.js';
import { malformed } from './errors.js';
import { type Atom, type ColumnSchema, type DatabaseSchema, isComposite } from './schema.js';
import {
  decodeAtoms,
  decodePairs,
  decodeValue,
  defaultValue,
  equalValues,
  type PlainValue,
} from './values.js';

/** A cached row without its type. */
export type StoredRow = { readonly uuid: string } & Readonly<Record<string, PlainValue>>;

/** A change without its type. */
export interface StoredChange {
  readonly table: string;
  readonly uuid: string;
  readonly before?: StoredRow;
  readonly after?: StoredRow;
}

/** The columns followed, by table. */
export type StoredRequest = Readonly<Record<string, readonly string[] | undefined>>;

type Columns = Readonly<Record<string, ColumnSchema>>;
type WireRow = Readonly<Record<string, unknown>>;

interface StoredTable {
  readonly columns: Columns;
  readonly rows: Map<string, StoredRow>;
  readonly indexes: KeyIndex[];
}

/** Rows of the followed tables, without their types. */
export class RowStore {
  private readonly tables = new Map<string, StoredTable>();
  private readonly listeners = new Set<(changes: readonly StoredChange[]) => void>();

  constructor(
    readonly database: DatabaseSchema,
    readonly request: StoredRequest,
  ) {
    for (const [table, names] of Object.entries(request)) {
      const schema = database.tables[table];
      if (!schema || !names) throw new TypeError(`no table ${table} to follow`);
      const columns = Object.entries(schema.columns).filter(([name]) => names.includes(name));
      this.tables.set(table, {
        columns: Object.fromEntries(columns),
        rows: new Map(),
        indexes: [],
      });
    }
  }

  get(table: string, uuid: string): StoredRow | undefined {
    return this.table(table).rows.get(uuid);
  }

  rows(table: string): Iterable<StoredRow> {
    return this.table(table).rows.values();
  }

  indexBy(table: string, key: (row: StoredRow) => string | undefined): RowIndex<StoredRow> {
    const { rows, indexes } = this.table(table);
    const index = new KeyIndex(key);
    for (const row of rows.values()) index.replace(undefined, row);
    indexes.push(index);
    return index;
  }

  onChange(listener: (changes: readonly StoredChange[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes a monitor's first rows; rows that are not among them are gone. */
  reset(updates: unknown): void {
    const changes: StoredChange[] = [];
    const given = asRecord(updates);
    for (const [name, table] of this.tables) {
      const rows = asRecord(given[name] ?? {});
      for (const uuid of table.rows.keys()) {
        if (!Object.hasOwn(rows, uuid)) this.put(changes, name, uuid, undefined);
      }
      for (const [uuid, update] of Object.entries(rows)) {
        const { initial, insert, new: full } = asRecord(update);
        const after = completeRow(table.columns, uuid, asRecord(initial ?? insert ?? full));
        const before = table.rows.get(uuid);
        if (!before || !equalRows(before, after)) this.put(changes, name, uuid, after);
      }
    }
    this.notify(changes);
  }

  /** Takes one transaction's changes. */
  apply(updates: unknown): void {
    const changes: StoredChange[] = [];
    for (const [name, rows] of Object.entries(asRecord(updates))) {
      const { columns, rows: stored } = this.table(name);
      for (const [uuid, update] of Object.entries(asRecord(rows))) {
        const after = changedRow(columns, uuid, stored.get(uuid), asRecord(update));
        this.put(changes, name, uuid, after);
      }
    }
    this.notify(changes);
  }

  private put(
    changes: StoredChange[],
    name: string,
    uuid: string,
    after: StoredRow | undefined,
  ): void {
    const table = this.table(name);
    const before = table.rows.get(uuid);
    if (after) table.rows.set(uuid, after);
    else table.rows.delete(uuid);
    for (const index of table.indexes) index.replace(before, after);
    changes.push({
      table: name,
      uuid,
      ...(before ? { before } : {}),
      ...(after ? { after } : {}),
    });
  }

  private notify(changes: readonly StoredChange[]): void {
    if (changes.length === 0) return;
    for (const listener of this.listeners) listener(changes);
  }

  private table(name: string): StoredTable {
    const table = this.tables.get(name);
    if (!table) throw malformed(`rows of table ${name}, which is not followed`);
    return table;
  }
}

/** Rows by a computed key. */
class KeyIndex implements RowIndex<StoredRow> {
  private readonly byKey = new Map<string, Map<string, StoredRow>>();

  constructor(private readonly key: (row: StoredRow) => string | undefined) {}

  get(key: string): readonly StoredRow[] {
    return [...(this.byKey.get(key)?.values() ?? [])];
  }

  replace(before: StoredRow | undefined, after: StoredRow | undefined): void {
    const oldKey = before && this.key(before);
    const newKey = after && this.key(after);
    if (before && oldKey !== undefined && oldKey !== newKey) {
      const rows = this.byKey.get(oldKey);
      rows?.delete(before.uuid);
      if (rows?.size === 0) this.byKey.delete(oldKey);
    }
    if (!after || newKey === undefined) return;
    const rows = this.byKey.get(newKey) ?? new Map<string, StoredRow>();
    rows.set(after.uuid, after);
    this.byKey.set(newKey, rows);
  }
}

function changedRow(
  columns: Columns,
  uuid: string,
  before: StoredRow | undefined,
  update: Readonly<Record<string, unknown>>,
): StoredRow | undefined {
  const { initial, insert, modify, old, new: full } = update;
  if (modify !== undefined) {
    if (!before) throw malformed('a change of a row that is not there');
    return modifiedRow(columns, before, asRecord(modify));
  }
  const row = initial ?? insert ?? full;
  if (row !== undefined) return completeRow(columns, uuid, asRecord(row));
  if ('delete' in update || old !== undefined) return undefined;
  throw malformed('an unknown kind of row update');
}

/** First rows and inserts leave out columns that have their default. */
function completeRow(columns: Columns, uuid: string, row: WireRow): StoredRow {
  const values: Record<string, PlainValue> = { uuid };
  for (const [name, column] of Object.entries(columns)) {
    values[name] = Object.hasOwn(row, name) ? decodeValue(column, row[name]) : defaultValue(column);
  }
  return values as StoredRow;
}

function modifiedRow(columns: Columns, before: StoredRow, difference: WireRow): StoredRow {
  const values: Record<string, PlainValue> = { ...before };
  for (const [name, wire] of Object.entries(difference)) {
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
    if (!column) throw malformed(`column ${name}, which is not followed`);
    values[name] = isComposite(column)
      ? applyDifference(column, before[name] ?? defaultValue(column), wire)
      : decodeValue(column, wire);
  }
  return values as StoredRow;
}

/** A key in both leaves when its value is the same too, else it takes the new value. */
function applyDifference(column: ColumnSchema, before: PlainValue, wire: unknown): PlainValue {
  if (!column.value) {
    const set = new Set<Atom>(before as readonly Atom[]);
    for (const atom of decodeAtoms(column, wire)) {
      if (!set.delete(atom)) set.add(atom);
    }
    return [...set];
  }
  const map = new Map(Object.entries(before as Readonly<Record<string, Atom>>));
  for (const [key, value] of decodePairs(column, wire)) {
    if (map.get(key) === value) map.delete(key);
    else map.set(key, value);
  }
  return Object.fromEntries(map);
}

function equalRows(left: StoredRow, right: StoredRow): boolean {
  return Object.keys(right).every((name) => equalValues(left[name] ?? null, right[name] ?? null));
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw malformed('an object is expected');
}
