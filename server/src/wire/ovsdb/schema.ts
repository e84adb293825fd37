/**
 * How a database is described: tables, columns and their OVSDB types (RFC 7047 §3.2), with the
 * TypeScript type of each column's plain value carried along, so that operations and cached rows
 * are checked at compile time. Only the tables and columns a user of the wire needs are described.
 */

/** An OVSDB atom as a plain value; a uuid is a string. */
export type Atom = string | number | boolean;

/** The atomic types of RFC 7047 §3.2. */
export type AtomType = 'string' | 'integer' | 'boolean' | 'uuid';

/** The type of a column's keys or values. */
export interface BaseType {
  readonly type: AtomType;
  readonly refTable?: string;
  readonly refType?: 'strong' | 'weak';
  /** The allowed values of a string, in the schema's order. */
  readonly allowed?: readonly string[];
}

/** A column; `Plain` is what its value looks like outside the wire (see values.ts). */
export interface ColumnSchema<Plain = unknown> {
  readonly key: BaseType;
  /** Present for maps. */
  readonly value?: BaseType;
  readonly min: 0 | 1;
  /** The most elements the column may hold; Infinity where the schema says unlimited. */
  readonly max: number;
  readonly mutable: boolean;
  /** Never set: carries the plain type only. */
  readonly plain?: Plain;
}

/** A table of a database. */
export interface TableSchema {
  readonly columns: Readonly<Record<string, ColumnSchema>>;
  /** Rows of a table that is not a root vanish when no strong reference to them is left. */
  readonly isRoot: boolean;
  readonly rowsMax?: number;
  /** Columns whose value is unique within the table. */
  readonly unique: readonly string[];
}

/** A database, named as the server names it. */
export interface DatabaseSchema {
  readonly name: string;
  readonly tables: Readonly<Record<string, TableSchema>>;
}

/** The names of a database's tables. */
export type TableName<D extends DatabaseSchema> = keyof D['tables'] & string;

/** The names of a table's columns. */
export type ColumnName<
  D extends DatabaseSchema,
  T extends TableName<D>,
> = keyof D['tables'][T]['columns'] & string;

type PlainOf<C> = C extends ColumnSchema<infer P> ? P : never;

/** The plain values of a table's columns, by column name. */
export type PlainColumns<D extends DatabaseSchema, T extends TableName<D>> = {
  readonly [C in ColumnName<D, T>]: PlainOf<D['tables'][T]['columns'][C]>;
};

const base = (type: AtomType): BaseType => ({ type });

/** Whether a column holds a set of any size or a map, and so changes element by element. */
export function isComposite(column: ColumnSchema): boolean {
  return column.max > 1;
}

/** A column that holds exactly one string. */
export const text: ColumnSchema<string> = {
  key: base('string'),
  min: 1,
  max: 1,
  mutable: true,
};

/** A string set at insert that never changes. */
export const fixedText: ColumnSchema<string> = { ...text, mutable: false };

/** A column that holds exactly one integer. */
export const integer: ColumnSchema<number> = {
  key: base('integer'),
  min: 1,
  max: 1,
  mutable: true,
};

/** A column that holds exactly one boolean. */
export const flag: ColumnSchema<boolean> = {
  key: base('boolean'),
  min: 1,
  max: 1,
  mutable: true,
};

/** A string or nothing; nothing is null. */
export const optionalText: ColumnSchema<string | null> = { ...text, min: 0 };

/** One of `allowed` or nothing. */
export function optionalChoice<const A extends readonly string[]>(
  ...allowed: A
): ColumnSchema<A[number] | null> {
  return { key: { type: 'string', allowed }, min: 0, max: 1, mutable: true };
}

/** A boolean or nothing; nothing is null. */
export const optionalFlag: ColumnSchema<boolean | null> = { ...flag, min: 0 };

/** An integer or nothing; nothing is null. */
export const optionalInteger: ColumnSchema<number | null> = { ...integer, min: 0 };

/** A set of strings. */
export const texts: ColumnSchema<readonly string[]> = {
  key: base('string'),
  min: 0,
  max: Number.POSITIVE_INFINITY,
  mutable: true,
};

/** A map from string to string. */
export const textMap: ColumnSchema<Readonly<Record<string, string>>> = {
  key: base('string'),
  value: base('string'),
  min: 0,
  max: Number.POSITIVE_INFINITY,
  mutable: true,
};

/** Strong references to rows of `refTable`: they keep those rows alive. */
export function references(refTable: string, min: 0 | 1 = 0): ColumnSchema<readonly string[]> {
  return {
    key: { type: 'uuid', refTable, refType: 'strong' },
    min,
    max: Number.POSITIVE_INFINITY,
    mutable: true,
  };
}

/** A weak reference or nothing: it empties itself when the row it names goes. */
export function optionalWeakReference(refTable: string): ColumnSchema<string | null> {
  return { key: { type: 'uuid', refTable, refType: 'weak' }, min: 0, max: 1, mutable: true };
}
