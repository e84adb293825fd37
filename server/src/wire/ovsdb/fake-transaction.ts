/**
 * A transaction of the fake: changes rows in place, remembers how they were, and either checks
 * and keeps the changes or undoes them. Checks come in the order of ovsdb-server's
 * transaction.c: references, rows nobody refers to, weak references, unique columns, row limits.
 */
import type { FakeRow, FakeTable } from './fake-table.js';
import { type Datum, refuse, ZERO_UUID } from './fake-values.js';
import { type Atom, type ColumnSchema, isComposite } from './schema.js';

/** Elements as they were; undefined for one that was not there. */
export type ElementsBefore = Map<Atom, Atom | undefined>;

/** What became of one row in a transaction. */
export interface Touched {
  readonly row: FakeRow;
  born: boolean;
  dead: boolean;
  /** What the changed columns held; for sets and maps, only the elements that changed. */
  readonly before: Map<string, Atom | null | ElementsBefore>;
}

/** One transaction; use it once. */
export class FakeTransaction {
  readonly touched = new Map<FakeRow, Touched>();
  private readonly removed = new Map<FakeTable, Set<string>>();

  /** Puts a new row into its table. */
  insert(row: FakeRow): void {
    this.touch(row).born = true;
    row.table.add(row);
  }

  /** Takes a row out of its table. */
  remove(row: FakeRow): void {
    this.touch(row).dead = true;
    row.table.remove(row);
    const removed = this.removed.get(row.table) ?? new Set();
    removed.add(row.uuid);
    this.removed.set(row.table, removed);
  }

  /** Whether a row with this uuid was taken out by this transaction. */
  hasRemoved(table: FakeTable, uuid: string): boolean {
    return this.removed.get(table)?.has(uuid) ?? false;
  }

  /** Overwrites a column. */
  write(row: FakeRow, column: string, datum: Datum): void {
    if (!(datum instanceof Map)) {
      this.writeScalar(row, column, datum);
      return;
    }
    const now = row.values.get(column);
    if (!(now instanceof Map)) throw new TypeError(`column ${column} has no elements`);
    for (const key of [...now.keys()]) {
      if (!datum.has(key)) this.writeElement(row, column, [key, undefined]);
    }
    for (const element of datum) this.writeElement(row, column, element);
  }

  /** Sets or removes one element of a set or map. */
  writeElement(row: FakeRow, column: string, element: readonly [Atom, Atom | undefined]): void {
    const [key, value] = element;
    const map = row.values.get(column);
    const now = map instanceof Map ? map.get(key) : undefined;
    if (now === value) return;
    const { before } = this.touch(row);
    const known = before.get(column);
    const elements: ElementsBefore = known instanceof Map ? known : new Map();
    if (!elements.has(key)) elements.set(key, now);
    before.set(column, elements);
    row.table.setElement(row, column, element);
  }

  /** Undoes everything. */
  rollBack(): void {
    for (const touched of [...this.touched.values()].reverse()) {
      const { row, born, dead, before } = touched;
      if (!dead) row.table.remove(row);
      for (const [column, value] of before) restore(row, column, value);
      if (!born) row.table.add(row);
    }
    this.touched.clear();
  }

  /** Checks everything; throws a Refusal, after which the caller rolls back. */
  check(): void {
    for (const touched of [...this.touched.values()]) this.checkReferences(touched);
    this.collectGarbage();
    this.emptyWeakReferences();
    for (const { row, dead } of this.touched.values()) {
      if (!dead) checkUnique(row);
    }
    checkRowLimits(new Set([...this.touched.keys()].map((row) => row.table)));
  }

  private writeScalar(row: FakeRow, column: string, value: Atom | null): void {
    const now = row.values.get(column) ?? null;
    if (now instanceof Map) throw new TypeError(`column ${column} has elements`);
    if (now === value) return;
    const { before } = this.touch(row);
    if (!before.has(column)) before.set(column, now);
    row.table.setScalar(row, column, value);
  }

  private touch(row: FakeRow): Touched {
    const known = this.touched.get(row);
    if (known) return known;
    const touched: Touched = { row, born: false, dead: false, before: new Map() };
    this.touched.set(row, touched);
    return touched;
  }

  private checkReferences({ row, dead }: Touched): void {
    const { name } = row.table;
    if (dead) {
      const left = countReferences(row);
      const because = `because of ${left} remaining reference(s)`;
      if (left === 0) return;
      const details = `cannot delete ${name} row ${row.uuid} ${because}`;
      throw refuse('referential integrity violation', details);
    }
    for (const { column, schema, target } of row.table.referenceColumns.strong) {
      for (const uuid of this.addedAtoms(row, column, schema)) {
        if (uuid === row.uuid || target.rows.has(String(uuid))) continue;
        const details =
          `Table ${name} column ${column} row ${row.uuid} references nonexistent row ` +
          `${uuid} in table ${target.name}.`;
        throw refuse('referential integrity violation', details);
      }
    }
  }

  private addedAtoms(row: FakeRow, column: string, schema: ColumnSchema): readonly Atom[] {
    const now = row.values.get(column) ?? null;
    const touched = this.touched.get(row);
    if (!isComposite(schema)) return now === null || now instanceof Map ? [] : [now];
    if (!(now instanceof Map)) return [];
    if (touched?.born) return [...now.keys()];
    const before = touched?.before.get(column);
    return before instanceof Map ? [...before.keys()].filter((key) => now.has(key)) : [];
  }

  /** Rows of tables that are not roots go when no strong reference is left. */
  private collectGarbage(): void {
    const suspects: FakeRow[] = [];
    for (const touched of this.touched.values()) {
      suspects.push(touched.row, ...releasedRows(touched));
    }
    for (let row = suspects.pop(); row; row = suspects.pop()) {
      const { table } = row;
      if (table.schema.isRoot || !table.rows.has(row.uuid) || countReferences(row) > 0) continue;
      this.remove(row);
      suspects.push(...releasedRows({ row, born: false, dead: true, before: new Map() }));
    }
  }

  private emptyWeakReferences(): void {
    for (const { row, dead } of [...this.touched.values()]) {
      if (dead) this.forget(row);
      else this.dropDangling(row);
    }
  }

  private forget(gone: FakeRow): void {
    for (const { table, column } of gone.table.weakReferrers) {
      for (const row of [...table.find(column, gone.uuid)]) {
        this.dropReference(row, column, gone.uuid);
      }
    }
  }

  private dropDangling(row: FakeRow): void {
    for (const { column, schema, target } of row.table.referenceColumns.weak) {
      for (const uuid of this.addedAtoms(row, column, schema)) {
        if (!target.rows.has(String(uuid))) this.dropReference(row, column, uuid);
      }
    }
  }

  private dropReference(row: FakeRow, column: string, uuid: Atom): void {
    if (row.values.get(column) instanceof Map) this.writeElement(row, column, [uuid, undefined]);
    else this.writeScalar(row, column, null);
  }
}

function restore(row: FakeRow, column: string, before: Atom | null | ElementsBefore): void {
  const map = row.values.get(column);
  if (!(before instanceof Map) || !(map instanceof Map)) {
    row.values.set(column, before instanceof Map ? null : before);
    return;
  }
  for (const [key, value] of before) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
}

function countReferences(row: FakeRow): number {
  let count = 0;
  for (const { table, column } of row.table.strongReferrers) {
    for (const referrer of table.find(column, row.uuid)) if (referrer !== row) count += 1;
  }
  return count;
}

/** The rows a touched row referred to strongly, and no longer does. */
function* releasedRows({ row, dead, before }: Touched): Iterable<FakeRow> {
  for (const { column, target } of row.table.referenceColumns.strong) {
    const now = row.values.get(column) ?? null;
    const old = before.get(column);
    const lost = new Set<Atom>();
    if (old instanceof Map) for (const key of old.keys()) lost.add(key);
    else if (old !== undefined && old !== null) lost.add(old);
    if (dead && now instanceof Map) for (const key of now.keys()) lost.add(key);
    else if (dead && now !== null && !(now instanceof Map)) lost.add(now);
    for (const uuid of lost) {
      const released = target.rows.get(String(uuid));
      if (released && uuid !== ZERO_UUID) yield released;
    }
  }
}

function checkUnique(row: FakeRow): void {
  const { table } = row;
  for (const column of table.schema.unique) {
    const value = row.values.get(column);
    if (value === undefined || value === null || value instanceof Map) continue;
    if (table.find(column, value).size < 2) continue;
    const details =
      `Transaction causes multiple rows in "${table.name}" table to have identical values ` +
      `(${typeof value === 'string' ? `"${value}"` : value}) for index on column "${column}".`;
    throw refuse('constraint violation', details);
  }
}

function checkRowLimits(tables: ReadonlySet<FakeTable>): void {
  for (const { name, rows, schema } of tables) {
    const { rowsMax = Number.POSITIVE_INFINITY } = schema;
    if (rows.size <= rowsMax) continue;
    const details =
      `transaction causes "${name}" table to contain ${rows.size} rows, greater than the ` +
      `schema-defined limit of ${rowsMax} row(s)`;
    throw refuse('constraint violation', details);
  }
}
