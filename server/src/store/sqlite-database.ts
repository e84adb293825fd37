/**
 * The SQLite file of the store: its schema, its lock and every statement. Synchronous; knows
 * revisions and keys, and nothing of queues or watchers. Used by `sqlite.ts` alone.
 *
 * `entry` has every version of every key until it is compacted, a deletion as a version without a
 * value; `latest` says which version is the newest of each key that exists.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import { endOf } from './bounds.js';
import type { Entry, ListOptions, Requirement, StoreEvent, Write } from './store.js';

const formatVersion = 1;

const schema = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key TEXT NOT NULL,
    deleted INTEGER NOT NULL, value BLOB, previous_id INTEGER) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS entry_key ON entry (key, revision);
  CREATE INDEX IF NOT EXISTS entry_revision ON entry (revision);
  CREATE TABLE IF NOT EXISTS latest (
    key TEXT PRIMARY KEY, id INTEGER NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT OR IGNORE INTO meta VALUES ('format', ${formatVersion}), ('revision', 0), ('compacted', 0);
`;

const queries = {
  meta: 'SELECT value FROM meta WHERE name = ?',
  setMeta: 'UPDATE meta SET value = ? WHERE name = ?',
  revisionOf: 'SELECT revision FROM latest WHERE key = ?',
  previous: `SELECT l.id, e.value FROM latest l JOIN entry e ON e.id = l.id WHERE l.key = ?`,
  get: `SELECT e.revision, e.value FROM latest l JOIN entry e ON e.id = l.id WHERE l.key = ?`,
  any: 'SELECT 1 AS found FROM latest WHERE key >= ? AND key < ? LIMIT 1',
  insert: 'INSERT INTO entry (revision, key, deleted, value, previous_id) VALUES (?, ?, ?, ?, ?)',
  setLatest: `INSERT INTO latest (key, id, revision) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET id = excluded.id, revision = excluded.revision`,
  dropLatest: 'DELETE FROM latest WHERE key = ?',
  listNewest: `SELECT l.key, l.revision, e.value FROM latest l JOIN entry e ON e.id = l.id
    WHERE l.key >= ? AND l.key < ? ORDER BY l.key LIMIT ?`,
  listAt: `WITH version AS (
      SELECT key, max(revision) AS revision, id FROM entry
      WHERE key >= ? AND key < ? AND revision <= ? GROUP BY key)
    SELECT v.key, v.revision, e.value FROM version v JOIN entry e ON e.id = v.id
    WHERE NOT e.deleted ORDER BY v.key LIMIT ?`,
  changes: `SELECT e.revision, e.key, e.deleted, e.value, p.id AS previous_id, p.value AS previous
    FROM entry e LEFT JOIN entry p ON p.id = e.previous_id
    WHERE e.revision > ? AND e.key >= ? AND e.key < ? ORDER BY e.revision, e.id`,
  dropReplaced: `DELETE FROM entry WHERE id IN (SELECT previous_id FROM entry
    WHERE revision > ? AND revision <= ? AND previous_id IS NOT NULL)`,
  dropDeletions: 'DELETE FROM entry WHERE revision > ? AND revision <= ? AND deleted',
} as const;

type Row = Record<string, unknown>;

/** The opened file. Every method throws LimiError STORE_UNAVAILABLE where SQLite fails. */
export class SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof queries, StatementSync>>;

  /** Opens and locks the file; makes it where it doesn't exist. */
  constructor(path: string) {
    this.#database = open(path);
    const prepared = Object.entries(queries).map(([name, sql]) => [
      name,
      this.#database.prepare(sql),
    ]);
    this.#statements = Object.fromEntries(prepared);
  }

  /** The newest revision and the one up to which history is forgotten, as stored. */
  readMeta(): { revision: number; compacted: number } {
    const read = (name: string): number => this.#one('meta', name)?.['value'] as number;
    return { revision: read('revision'), compacted: read('compacted') };
  }

  /** Runs `work` in one durable transaction: all of it or, if it throws, nothing. */
  transact<T>(work: () => T): T {
    return guarded(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (cause) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw cause;
      }
    });
  }

  /** Notes the newest revision; within `transact`. */
  writeRevision(revision: number): void {
    this.#statements.setMeta.run(revision, 'revision');
  }

  get(key: string): Entry | undefined {
    const row = this.#one('get', key);
    return row === undefined ? undefined : toEntry({ ...row, key });
  }

  /** Entries by key, at most `limit`; at a revision, or the newest. */
  list(options: ListOptions & { readonly at: number | undefined }): readonly Entry[] {
    const begin = options.from ?? options.prefix;
    const end = endOf(options.prefix);
    const rows =
      options.at === undefined
        ? this.#all('listNewest', begin, end, options.limit)
        : this.#all('listAt', begin, end, options.at, options.limit);
    return rows.map(toEntry);
  }

  /**
   * Events after a revision in order, until `isEnough` says so between two commits. The flag tells
   * whether they are all there are.
   */
  changes(
    after: number,
    prefix: string,
    isEnough: (events: readonly StoreEvent[]) => boolean,
  ): { readonly events: readonly StoreEvent[]; readonly isAll: boolean } {
    const events: StoreEvent[] = [];
    return guarded(() => {
      let revision = after;
      for (const row of this.#statements.changes.iterate(after, prefix, endOf(prefix))) {
        const next = (row as Row)['revision'] as number;
        if (next !== revision && isEnough(events)) return { events, isAll: false };
        revision = next;
        events.push(toEvent(row as Row));
      }
      return { events, isAll: true };
    });
  }

  /** Whether a requirement holds now; within `transact`, after the writes before it. */
  holds(requirement: Requirement): boolean {
    if (requirement.kind === 'empty') {
      const { prefix } = requirement;
      return this.#one('any', prefix, endOf(prefix)) === undefined;
    }
    const row = this.#one('revisionOf', requirement.key);
    if (requirement.kind === 'absent') return row === undefined;
    if (requirement.kind === 'exists') return row !== undefined;
    return row?.['revision'] === Number(requirement.revision);
  }

  /**
   * Writes one key as part of a commit; the event, or undefined where there was nothing to delete.
   * What is known to be absent isn't looked up.
   */
  write(write: Write, revision: number, isAbsent: boolean): StoreEvent | undefined {
    const { key } = write;
    const before = isAbsent ? undefined : this.#one('previous', key);
    const previousId = (before?.['id'] ?? null) as number | null;
    const deleted = write.kind === 'delete' ? 1 : 0;
    const value = write.kind === 'put' ? write.value : null;
    if (deleted === 1 && previousId === null) return undefined;
    const row = { revision, key, deleted, value };
    const { lastInsertRowid } = this.#statements.insert.run(...Object.values(row), previousId);
    if (deleted === 1) this.#statements.dropLatest.run(key);
    else this.#statements.setLatest.run(key, lastInsertRowid, revision);
    return toEvent({ ...row, previous_id: previousId, previous: before?.['value'] });
  }

  /** Forgets the versions that were replaced in the revisions after `from` up to `to`. */
  compact(from: number, to: number): void {
    this.transact(() => {
      this.#statements.dropReplaced.run(from, to);
      this.#statements.dropDeletions.run(from, to);
      this.#statements.setMeta.run(to, 'compacted');
    });
  }

  close(): void {
    this.#database.close();
  }

  #one(name: keyof typeof queries, ...values: (string | number)[]): Row | undefined {
    return guarded(() => this.#statements[name].get(...values));
  }

  #all(name: keyof typeof queries, ...values: (string | number)[]): readonly Row[] {
    return guarded(() => this.#statements[name].all(...values));
  }
}

function open(path: string): DatabaseSync {
  try {
    // Made here so that it is never readable by others, not even for a moment.
    closeSync(openSync(path, 'a', 0o600));
    const database = new DatabaseSync(path);
    // The lock is the kernel's and goes with the process, however that ends.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;');
    database.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;');
    database.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT;`);
    checkFormat(database);
    return database;
  } catch (cause) {
    throw isBusy(cause) ? locked(path, cause) : unavailable(cause);
  }
}

function checkFormat(database: DatabaseSync): void {
  const row = database.prepare(queries.meta).get('format');
  if (row?.['value'] === formatVersion) return;
  database.close();
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STORE_FORMAT_UNKNOWN',
    message: `the store has format ${String(row?.['value'])}, and this version reads format ${formatVersion}; use the version that wrote it`,
  });
}

const sqliteBusy = 5;

function isBusy(cause: unknown): boolean {
  const code = (cause as { readonly errcode?: unknown }).errcode;
  return typeof code === 'number' && code % 256 === sqliteBusy;
}

const locked = (path: string, cause: unknown): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STORE_LOCKED',
    message:
      'another process has the store open; stop that server, or give this one another data directory',
    detail: path,
    cause,
  });

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw unavailable(cause);
  }
}

function unavailable(cause: unknown): LimiError {
  if (cause instanceof LimiError) return cause;
  return new LimiError({
    code: Code.Unavailable,
    reason: 'STORE_UNAVAILABLE',
    message: "the store can't be read or written; see the server's log",
    retryable: true,
    detail: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}

function toEntry(row: Row): Entry {
  return {
    key: row['key'] as string,
    value: bytesOf(row['value']),
    revision: BigInt(row['revision'] as number),
  };
}

function toEvent(row: Row): StoreEvent {
  const previous = row['previous_id'] === null ? undefined : bytesOf(row['previous']);
  if (row['deleted'] !== 1) return { kind: 'put', entry: toEntry(row), previous };
  const revision = BigInt(row['revision'] as number);
  return { kind: 'delete', key: row['key'] as string, revision, previous };
}

/** Node's SQLite writes and reads an empty value as NULL. */
const bytesOf = (value: unknown): Uint8Array =>
  (value as Uint8Array | null | undefined) ?? new Uint8Array();
