/**
 * The operations of a transaction (RFC 7047 §5.2) on the fake's tables, with ovsdb-server's words
 * for what it refuses. Knows nothing of connections or commits.
 */
import type { FakeRow, FakeTable } from './fake-table.js';
import type { FakeTransaction } from './fake-transaction.js';
import {
  type Datum,
  equalData,
  formatDatum,
  includesAll,
  isId,
  parseDatum,
  parseUuid,
  type ResolveName,
  refuse,
} from './fake-values.js';
import { type Atom, type ColumnSchema, isComposite } from './schema.js';

/** What the operations of one transaction share. */
export interface Execution {
  readonly tables: ReadonlyMap<string, FakeTable>;
  readonly transaction: FakeTransaction;
  readonly resolve: ResolveName;
  /** Names that an insert already took. */
  readonly namesTaken: Set<string>;
  newUuid(): string;
}

type WireOperation = Readonly<Record<string, unknown>>;
type Run = (execution: Execution, table: FakeTable, operation: WireOperation) => object;

const uuidColumn: ColumnSchema = { key: { type: 'uuid' }, min: 1, max: 1, mutable: false };

/** Runs one operation; returns its result or throws a Refusal. */
export function runOperation(execution: Execution, operation: WireOperation): object {
  const { op } = operation;
  if (op === 'comment' || op === 'commit') return {};
  if (op === 'abort') throw refuse('aborted', 'aborted by request');
  const run = typeof op === 'string' ? runs[op] : undefined;
  if (!run) throw refuse('syntax error', `No operation "${op}"`, operation);
  const table = execution.tables.get(String(operation['table']));
  if (table) return run(execution, table, operation);
  throw refuse('syntax error', `No table named ${operation['table']}.`, operation);
}

const runs: Readonly<Record<string, Run>> = {
  insert,
  select,
  update,
  mutate,
  delete: remove,
  wait,
};

function insert(execution: Execution, table: FakeTable, operation: WireOperation): object {
  const { uuid: fixed, 'uuid-name': name, row: values } = operation;
  if (typeof name === 'string') {
    if (!isId(name)) {
      throw refuse('syntax error', `Type mismatch for member 'uuid-name'.`, operation);
    }
    if (execution.namesTaken.has(name)) {
      const details = 'This "uuid-name" appeared on an earlier "insert" operation.';
      throw refuse('duplicate uuid-name', details, name);
    }
    execution.namesTaken.add(name);
  }
  const uuid = chooseUuid(execution, table, { fixed, name });
  const row = table.newRow(uuid);
  execution.transaction.insert(row);
  for (const [column, datum] of parseRow(execution, table, values)) {
    execution.transaction.write(row, column, datum);
  }
  return { uuid: ['uuid', uuid] };
}

function chooseUuid(
  { resolve, newUuid, transaction }: Execution,
  table: FakeTable,
  { fixed, name }: { fixed: unknown; name: unknown },
): string {
  if (typeof fixed !== 'string') return typeof name === 'string' ? resolve(name) : newUuid();
  const uuid = parseUuid(fixed, fixed);
  if (!table.rows.has(uuid) && !transaction.hasRemoved(table, uuid)) return uuid;
  const details =
    `This UUID would duplicate a UUID already present within the "${table.name}" table ` +
    'or deleted from this table within the same transaction.';
  throw refuse('duplicate uuid', details, fixed);
}

function select(execution: Execution, table: FakeTable, operation: WireOperation): object {
  const columns = operation['columns'] as readonly string[] | undefined;
  const names = columns ?? ['_uuid', ...Object.keys(table.schema.columns)];
  for (const name of names) columnOf(table, name, columns);
  const rows = matching(execution, table, operation['where']).map((row) => {
    const members = names.map((name) => [name, formatColumn(row, name)]);
    return Object.fromEntries(members);
  });
  return { rows };
}

function update(execution: Execution, table: FakeTable, operation: WireOperation): object {
  const values = parseRow(execution, table, operation['row']);
  for (const [name] of values) {
    if (table.column(name)?.mutable) continue;
    const details = `Cannot update immutable column ${name} in table ${table.name}.`;
    throw refuse('constraint violation', details, operation);
  }
  const rows = matching(execution, table, operation['where']);
  for (const row of rows) {
    for (const [name, datum] of values) execution.transaction.write(row, name, datum);
  }
  return { count: rows.length };
}

function mutate(execution: Execution, table: FakeTable, operation: WireOperation): object {
  const mutations = operation['mutations'] as readonly (readonly unknown[])[];
  const rows = matching(execution, table, operation['where']);
  for (const [name, mutator, wire] of mutations) {
    const schema = columnOf(table, String(name), [name, mutator, wire]);
    if (!schema.mutable) {
      const details = `Cannot mutate immutable column ${name} in table ${table.name}.`;
      throw refuse('constraint violation', details, [name, mutator, wire]);
    }
    for (const row of rows) {
      mutateColumn(execution, row, { name: String(name), schema, mutator, wire });
    }
  }
  return { count: rows.length };
}

interface ColumnMutation {
  readonly name: string;
  readonly schema: ColumnSchema;
  readonly mutator: unknown;
  readonly wire: unknown;
}

function mutateColumn(execution: Execution, row: FakeRow, mutation: ColumnMutation): void {
  const { name, schema, mutator, wire } = mutation;
  const { transaction, resolve } = execution;
  const now = row.values.get(name) ?? null;
  if (typeof now === 'number' && mutator === '+=' && typeof wire === 'number') {
    transaction.write(row, name, now + wire);
    return;
  }
  if (mutator !== 'insert' && mutator !== 'delete') {
    throw refuse('unknown mutator', `No mutator named ${mutator}.`);
  }
  if (!isComposite(schema)) {
    const details = `Type mismatch: "${mutator}" operator may not be applied to column ${name}`;
    throw refuse('syntax error', details, [name, mutator, wire]);
  }
  const { value, ...keysOnly } = schema;
  const byKey = mutator === 'delete' && !(Array.isArray(wire) && wire[0] === 'map');
  const operand = parseDatum(byKey ? keysOnly : schema, wire, { resolve, ignoreSize: true });
  if (!(operand instanceof Map) || !(now instanceof Map)) return;
  for (const [key, element] of operand) {
    if (mutator === 'insert') {
      if (!now.has(key)) transaction.writeElement(row, name, [key, element]);
    } else if (byKey || now.get(key) === element) {
      transaction.writeElement(row, name, [key, undefined]);
    }
  }
}

function remove(execution: Execution, table: FakeTable, operation: WireOperation): object {
  const rows = matching(execution, table, operation['where']);
  for (const row of rows) execution.transaction.remove(row);
  return { count: rows.length };
}

/** Waits are never waited for here: a condition that does not hold fails at once. */
function wait(execution: Execution, table: FakeTable, operation: WireOperation): object {
  const { timeout, until } = operation;
  const columns = operation['columns'] as readonly string[];
  const wanted = operation['rows'] as readonly Readonly<Record<string, unknown>>[];
  for (const name of columns) columnOf(table, name, columns);
  const found = new Set(
    matching(execution, table, operation['where']).map((row) =>
      fingerprint(columns.map((name) => (name === '_uuid' ? row.uuid : columnValue(row, name)))),
    ),
  );
  const expected = new Set(wanted.map((row) => fingerprint(columns.map((c) => parse(row, c)))));
  const equal = found.size === expected.size && [...found].every((row) => expected.has(row));
  if (equal === (until === '==')) return {};
  if (timeout === 0) throw refuse('timed out', '"where" clause test failed');
  throw refuse('timed out', `"wait" timed out after ${timeout} ms`);

  function parse(row: Readonly<Record<string, unknown>>, name: string): Datum {
    const schema = columnOf(table, name, row);
    if (row[name] === undefined) return table.newRow('').values.get(name) ?? null;
    return parseDatum(schema, row[name], { resolve: execution.resolve });
  }
}

function fingerprint(values: readonly Datum[]): string {
  return JSON.stringify(values.map((v) => (v instanceof Map ? [...v].map(String).sort() : v)));
}

function parseRow(execution: Execution, table: FakeTable, row: unknown): [string, Datum][] {
  if (typeof row !== 'object' || row === null) {
    throw refuse('syntax error', 'row must be JSON object', row);
  }
  return Object.entries(row).map(([name, wire]) => {
    const schema = columnOf(table, name, row);
    return [name, parseDatum(schema, wire, { resolve: execution.resolve })];
  });
}

function columnOf(table: FakeTable, name: string, syntax: unknown): ColumnSchema {
  if (name === '_uuid') return uuidColumn;
  const column = table.column(name);
  if (column) return column;
  throw refuse('unknown column', `No column ${name} in table ${table.name}.`, syntax);
}

function columnValue(row: FakeRow, name: string): Datum {
  return name === '_uuid' ? row.uuid : (row.values.get(name) ?? null);
}

function formatColumn(row: FakeRow, name: string): unknown {
  return formatDatum(columnOf(row.table, name, name), columnValue(row, name));
}

interface ParsedClause {
  readonly column: string;
  readonly fn: string;
  readonly operand: Datum;
}

/** The rows that every clause of `where` holds for; looked up where a clause allows it. */
function matching(execution: Execution, table: FakeTable, where: unknown): FakeRow[] {
  if (!Array.isArray(where)) {
    throw refuse('syntax error', "Required 'where' member is missing.");
  }
  const clauses = where.map((clause: unknown) => parseClause(execution, table, clause));
  const rows = [...candidates(table, clauses)];
  return rows.filter((row) => clauses.every((clause) => holds(row, clause)));
}

function parseClause(execution: Execution, table: FakeTable, clause: unknown): ParsedClause {
  if (!Array.isArray(clause) || clause.length !== 3) {
    throw refuse('syntax error', 'Parse error in condition.', clause);
  }
  const [column, fn, wire] = clause as readonly unknown[];
  const schema = columnOf(table, String(column), clause);
  const loose = fn === 'includes' || fn === 'excludes';
  const operand = parseDatum(schema, wire, {
    resolve: execution.resolve,
    ignoreSize: loose && isComposite(schema),
  });
  return { column: String(column), fn: String(fn), operand };
}

function candidates(table: FakeTable, clauses: readonly ParsedClause[]): Iterable<FakeRow> {
  for (const { column, fn, operand } of clauses) {
    if (column === '_uuid' && fn === '==') {
      const row = table.rows.get(String(operand));
      return row ? [row] : [];
    }
    const [first] = elements(operand);
    if (!first || column === '_uuid') continue;
    const exact = fn === '==' && !(operand instanceof Map);
    if (exact || fn === 'includes') return table.find(column, ...first);
  }
  return table.rows.values();
}

function elements(datum: Datum): readonly [Atom, Atom][] {
  if (datum instanceof Map) return [...datum];
  return datum === null ? [] : [[datum, true]];
}

function holds(row: FakeRow, { column, fn, operand }: ParsedClause): boolean {
  const value = columnValue(row, column);
  switch (fn) {
    case '==':
      return equalData(value, operand);
    case '!=':
      return !equalData(value, operand);
    case 'includes':
      return includesAll(new Map(elements(value)), new Map(elements(operand)));
    case 'excludes': {
      const held = new Map(elements(value));
      return elements(operand).every(([key, element]) => held.get(key) !== element);
    }
    default:
      throw refuse('unknown function', `No function named ${fn}.`, fn);
  }
}
