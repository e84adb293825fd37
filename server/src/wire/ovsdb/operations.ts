/**
 * The operations of a transaction as values (RFC 7047 §5.2), typed by the schema they are for.
 * Pure: an operation does nothing until `OvsdbApi.transact` runs it.
 */
import type { ColumnName, DatabaseSchema, PlainColumns, TableName } from './schema.js';
import { encodeValue, NamedUuid, type WireValue, type WritableValue } from './values.js';

/** One operation in OVSDB notation. */
export interface Operation {
  readonly op: string;
  readonly [member: string]: unknown;
}

type Writable<V> = V extends readonly string[]
  ? readonly (string | NamedUuid)[]
  : V extends string | null
    ? V | NamedUuid
    : V;

/** New values of some columns of a row; references may name rows of the same transaction. */
export type RowValues<D extends DatabaseSchema, T extends TableName<D>> = {
  readonly [C in ColumnName<D, T>]?: Writable<PlainColumns<D, T>[C]>;
};

/** Which rows: every clause must hold. An empty list means every row. */
export type Where<D extends DatabaseSchema, T extends TableName<D>> = readonly Clause<D, T>[];

/** One clause: a column, a function (RFC 7047 §5.1 `<condition>`) and a plain value. */
export type Clause<D extends DatabaseSchema, T extends TableName<D>> = readonly [
  ColumnName<D, T> | '_uuid',
  '==' | '!=' | 'includes' | 'excludes',
  WritableValue,
];

/** One change of a set or map (RFC 7047 §5.1 `<mutation>`). */
export type Mutation<D extends DatabaseSchema, T extends TableName<D>> = readonly [
  ColumnName<D, T>,
  'insert' | 'delete' | '+=',
  WritableValue,
];

/** What an insert may fix beyond the row's values. */
export interface InsertOptions {
  /** The row's uuid; the insert fails when the table holds it (ovsdb-server 2.13 or newer). */
  readonly uuid?: string;
  /** A name by which operations of the same transaction refer to the row. */
  readonly name?: NamedUuid;
}

/** What rows a `wait` compares with: those that must be there, or must not. */
export interface WaitFor<D extends DatabaseSchema, T extends TableName<D>> {
  readonly where: Where<D, T>;
  readonly columns: readonly (ColumnName<D, T> | '_uuid')[];
  readonly until: '==' | '!=';
  readonly rows: readonly (RowValues<D, T> & { readonly _uuid?: string })[];
}

/** The clause that picks one row. */
export function byUuid(uuid: string): readonly [readonly ['_uuid', '==', string]] {
  return [['_uuid', '==', uuid]];
}

/** Builds operations for one database. */
export class Operations<D extends DatabaseSchema> {
  constructor(private readonly database: D) {}

  /** Adds a row; columns that are not given get their defaults. */
  insert<T extends TableName<D>>(
    table: T,
    row: RowValues<D, T>,
    { uuid, name }: InsertOptions = {},
  ): Operation {
    return {
      op: 'insert',
      table,
      row: this.encodeRow(table, row),
      ...(uuid === undefined ? {} : { uuid }),
      ...(name === undefined ? {} : { 'uuid-name': name.name }),
    };
  }

  /** Overwrites the given columns of the rows that match. */
  update<T extends TableName<D>>(table: T, where: Where<D, T>, row: RowValues<D, T>): Operation {
    return {
      op: 'update',
      table,
      where: this.encodeWhere(table, where),
      row: this.encodeRow(table, row),
    };
  }

  /** Adds to or removes from sets and maps; an inserted key does not replace one that exists. */
  mutate<T extends TableName<D>>(
    table: T,
    where: Where<D, T>,
    mutations: readonly Mutation<D, T>[],
  ): Operation {
    return {
      op: 'mutate',
      table,
      where: this.encodeWhere(table, where),
      mutations: mutations.map(([column, mutator, value]) => [
        column,
        mutator,
        this.encode(table, column, value),
      ]),
    };
  }

  /** Sets keys of a map column and leaves its other keys alone. */
  setKeys<T extends TableName<D>>(
    table: T,
    where: Where<D, T>,
    { column, pairs }: { column: ColumnName<D, T>; pairs: Readonly<Record<string, string>> },
  ): Operation {
    return this.mutate(table, where, [
      [column, 'delete', Object.keys(pairs)],
      [column, 'insert', pairs],
    ]);
  }

  /** Removes the rows that match. */
  delete<T extends TableName<D>>(table: T, where: Where<D, T>): Operation {
    return { op: 'delete', table, where: this.encodeWhere(table, where) };
  }

  /** Fails the transaction at once unless the rows that match are (or are not) those given. */
  wait<T extends TableName<D>>(table: T, wait: WaitFor<D, T>): Operation {
    return {
      op: 'wait',
      timeout: 0,
      table,
      where: this.encodeWhere(table, wait.where),
      columns: wait.columns,
      until: wait.until,
      rows: wait.rows.map((row) => this.encodeRow(table, row)),
    };
  }

  /** Fails the transaction unless the row exists. */
  mustExist<T extends TableName<D>>(table: T, uuid: string): Operation {
    return this.wait(table, {
      where: byUuid(uuid),
      columns: ['_uuid'],
      until: '!=',
      rows: [],
    });
  }

  /** Fails the transaction when a row matches. */
  mustBeAbsent<T extends TableName<D>>(table: T, where: Where<D, T>): Operation {
    return this.wait(table, { where, columns: ['_uuid'], until: '==', rows: [] });
  }

  /** Reads columns of the rows that match; see `decodeRow` for the rows of the result. */
  select<T extends TableName<D>>(
    table: T,
    where: Where<D, T>,
    columns: readonly (ColumnName<D, T> | '_uuid')[],
  ): Operation {
    return { op: 'select', table, where: this.encodeWhere(table, where), columns };
  }

  /** A remark for the database's own log. */
  comment(remark: string): Operation {
    return { op: 'comment', comment: remark };
  }

  private encodeWhere<T extends TableName<D>>(table: T, where: Where<D, T>): unknown[] {
    return where.map(([column, fn, value]) => [column, fn, this.encode(table, column, value)]);
  }

  private encodeRow(table: string, row: Readonly<Record<string, unknown>>): object {
    const members = Object.entries(row).filter(([, value]) => value !== undefined);
    return Object.fromEntries(
      members.map(([column, value]) => [
        column,
        this.encode(table, column, value as WritableValue),
      ]),
    );
  }

  private encode(table: string, column: string, value: WritableValue): WireValue {
    const schema = this.database.tables[table]?.columns[column];
    if (schema) return encodeValue(schema, value);
    if (column === '_uuid' && value instanceof NamedUuid) return ['named-uuid', value.name];
    return ['uuid', value];
  }
}
