/**
 * What a user of the wire sees of one database: transactions, and a cache of rows that follows
 * it. The real client and the fake give the same interface; nothing here knows OVN's meaning.
 */
import type { Operation } from './operations.js';
import type { ColumnName, DatabaseSchema, PlainColumns, TableName } from './schema.js';

/** What one operation answered. */
export interface OperationResult {
  /** The uuid of an inserted row. */
  readonly uuid?: string;
  /** How many rows an update, mutate or delete matched. */
  readonly count?: number;
  /** The rows of a select, in OVSDB notation. */
  readonly rows?: readonly Readonly<Record<string, unknown>>[];
}

/** The columns to follow, by table. */
export type MonitorRequest<D extends DatabaseSchema> = {
  readonly [T in TableName<D>]?: readonly ColumnName<D, T>[];
};

/** The tables a monitor follows. */
export type MonitoredTable<D extends DatabaseSchema, M extends MonitorRequest<D>> = keyof M &
  TableName<D>;

/** A cached row: its uuid and the plain values of the columns that are followed. */
export type CachedRow<
  D extends DatabaseSchema,
  M extends MonitorRequest<D>,
  T extends MonitoredTable<D, M>,
> = { readonly uuid: string } & Pick<
  PlainColumns<D, T>,
  M[T] extends readonly (infer C)[] ? C & ColumnName<D, T> : never
>;

/** One row before and after a transaction; `before` is absent for a new row. */
export type RowChange<D extends DatabaseSchema, M extends MonitorRequest<D>> = {
  [T in MonitoredTable<D, M>]: {
    readonly table: T;
    readonly uuid: string;
    readonly before?: CachedRow<D, M, T>;
    readonly after?: CachedRow<D, M, T>;
  };
}[MonitoredTable<D, M>];

/** Rows of one table by a key computed from each; kept up to date. */
export interface RowIndex<Row> {
  get(key: string): readonly Row[];
}

/**
 * The rows of the followed tables as of the last message of the server. It lags behind other
 * writers, but holds the caller's own writes when `transact` resolves. While the connection is
 * down it keeps the last rows; after a reconnect the differences arrive as changes.
 */
export interface RowCache<D extends DatabaseSchema, M extends MonitorRequest<D>> {
  get<T extends MonitoredTable<D, M>>(table: T, uuid: string): CachedRow<D, M, T> | undefined;
  rows<T extends MonitoredTable<D, M>>(table: T): Iterable<CachedRow<D, M, T>>;
  /** Makes an index; `key` undefined leaves a row out. Make it once, at start. */
  indexBy<T extends MonitoredTable<D, M>>(
    table: T,
    key: (row: CachedRow<D, M, T>) => string | undefined,
  ): RowIndex<CachedRow<D, M, T>>;
  /** Calls back once per transaction with the rows it changed; returns how to stop. */
  onChange(listener: (changes: readonly RowChange<D, M>[]) => void): () => void;
}

/** One OVSDB database. */
export interface OvsdbApi<D extends DatabaseSchema> {
  readonly database: D;
  /** Whether a server with this database is connected at the moment. */
  readonly connected: boolean;
  /**
   * Runs the operations as one transaction: all or nothing. Throws an OvsdbError; after
   * OVSDB_DISCONNECTED and OVSDB_TIMEOUT the transaction may or may not have happened.
   */
  transact(operations: readonly Operation[]): Promise<readonly OperationResult[]>;
  /** Follows tables; resolves when the first rows are there, throws when they do not come. */
  monitor<const M extends MonitorRequest<D>>(request: M): Promise<RowCache<D, M>>;
  /** Calls back on each connect (true) and loss (false); returns how to stop. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Ends the connection; requests under way fail with OVSDB_DISCONNECTED. Idempotent. */
  close(): void;
}

/** The timers that the wire waits with; the reconcile loop's clock has this shape. */
export interface Timers {
  /** Calls `run` once after `delayMs`; what it returns undoes that. */
  after(delayMs: number, run: () => void): () => void;
}
