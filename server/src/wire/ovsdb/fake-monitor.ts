/**
 * What one monitor of the fake is sent: whole rows as RFC 7047 §4.1.6 says ("update"), or, for
 * a conditional monitor, rows without defaults and differences as ovsdb-server(7) says ("update2").
 */
import type { FakeRow, FakeTable } from './fake-table.js';
import type { ElementsBefore, FakeTransaction, Touched } from './fake-transaction.js';
import { type Datum, formatDatum, isDefault, refuse } from './fake-values.js';
import { type Atom, type ColumnSchema, isComposite } from './schema.js';

type Columns = readonly (readonly [string, ColumnSchema])[];
type Updates = Record<string, Record<string, object>>;

/** One monitor of one session. */
export class FakeMonitor {
  private readonly columns = new Map<FakeTable, Columns>();

  constructor(
    findTable: (name: string) => FakeTable | undefined,
    requests: unknown,
    private readonly conditional: boolean,
  ) {
    for (const [name, request] of Object.entries(requests as object)) {
      const table = findTable(name);
      if (!table) throw refuse('syntax error', `no table named ${name}`);
      const wanted: unknown = Array.isArray(request) ? request[0] : request;
      const { columns } = wanted as { readonly columns: readonly string[] };
      const followed = columns.map((column): readonly [string, ColumnSchema] => {
        const schema = table.column(column);
        if (schema) return [column, schema];
        throw refuse('syntax error', `${column} is not a valid column name`, columns);
      });
      this.columns.set(table, followed);
    }
  }

  /** The notification that carries the updates. */
  get method(): string {
    return this.conditional ? 'update2' : 'update';
  }

  /** All rows, for the answer to the monitor request. */
  firstRows(): Updates {
    const updates: Updates = {};
    for (const [table, columns] of this.columns) {
      for (const row of table.rows.values()) {
        const rows = updates[table.name] ?? {};
        rows[row.uuid] = this.appeared(row, columns, 'initial');
        updates[table.name] = rows;
      }
    }
    return updates;
  }

  /** What a transaction changed, or undefined when nothing that is followed. */
  updates(transaction: FakeTransaction): Updates | undefined {
    const updates: Updates = {};
    for (const touched of transaction.touched.values()) {
      const { table, uuid } = touched.row;
      const columns = this.columns.get(table);
      const update = columns && this.update(touched, columns);
      if (!update) continue;
      const rows = updates[table.name] ?? {};
      rows[uuid] = update;
      updates[table.name] = rows;
    }
    return Object.keys(updates).length === 0 ? undefined : updates;
  }

  private update(touched: Touched, columns: Columns): object | undefined {
    const { row, born, dead } = touched;
    if (born && dead) return undefined;
    if (born) return this.appeared(row, columns, 'insert');
    if (dead) return this.conditional ? { delete: null } : { old: fullRow(row, columns) };
    const changed = columns.filter(([name]) => hasChanged(touched, name));
    if (changed.length === 0) return undefined;
    if (!this.conditional) {
      const old = changed.map(([name, schema]) => [
        name,
        formatDatum(schema, valueBefore(touched, name)),
      ]);
      return { old: Object.fromEntries(old), new: fullRow(row, columns) };
    }
    const modify = changed.map(([name, schema]) => [name, difference(touched, name, schema)]);
    return { modify: Object.fromEntries(modify) };
  }

  private appeared(row: FakeRow, columns: Columns, kind: 'initial' | 'insert'): object {
    if (!this.conditional) return { new: fullRow(row, columns) };
    const written = columns.filter(
      ([name, schema]) => !isDefault(schema, row.values.get(name) ?? null),
    );
    return { [kind]: fullRow(row, written) };
  }
}

function fullRow(row: FakeRow, columns: Columns): object {
  return Object.fromEntries(
    columns.map(([name, schema]) => [name, formatDatum(schema, row.values.get(name) ?? null)]),
  );
}

function changedElements(touched: Touched, name: string): ElementsBefore {
  const before = touched.before.get(name);
  const now = touched.row.values.get(name);
  if (!(before instanceof Map) || !(now instanceof Map)) return new Map();
  return new Map([...before].filter(([key, value]) => now.get(key) !== value));
}

function hasChanged(touched: Touched, name: string): boolean {
  const before = touched.before.get(name);
  if (before === undefined) return false;
  if (before instanceof Map) return changedElements(touched, name).size > 0;
  return before !== touched.row.values.get(name);
}

/** Changed elements: with their new value, or with the old one where they went. */
function difference(touched: Touched, name: string, schema: ColumnSchema): unknown {
  const now = touched.row.values.get(name) ?? null;
  if (!isComposite(schema) || !(now instanceof Map)) return formatDatum(schema, now);
  const elements = new Map<Atom, Atom>();
  for (const [key, before] of changedElements(touched, name)) {
    elements.set(key, now.get(key) ?? before ?? true);
  }
  return formatDatum(schema, elements);
}

function valueBefore(touched: Touched, name: string): Datum {
  const before = touched.before.get(name) ?? null;
  if (!(before instanceof Map)) return before;
  const value = new Map(touched.row.values.get(name) as Map<Atom, Atom>);
  for (const [key, element] of before) {
    if (element === undefined) value.delete(key);
    else value.set(key, element);
  }
  return value;
}
