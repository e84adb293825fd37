/**
 * Keeps a second server or agent off a data directory: a lock of the kernel's on a file in it,
 * which ends with the process that has it, however that ends, and holds across containers. Who has
 * it, the kernel says: no process id is ever written down.
 */
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** What works on a data directory: one of each may, as they keep different things. */
export type DirectoryRole = 'server' | 'agent';

const fileMode = 0o600;
/** A connection that nobody refers to is collected, and its lock with it. */
const held = new Set<DatabaseSync>();
const sqliteBusy = 5;

/**
 * Takes the directory, which must exist; returns what gives it back (idempotent). Throws
 * DATA_DIRECTORY_IN_USE where a process, this one included, has it.
 */
export function lockDirectory(directory: string, role: DirectoryRole): () => void {
  const path = join(directory, `${role}.lock`);
  makeFile(path);
  const database = new DatabaseSync(path);
  try {
    // Nothing is ever written in this transaction, and so no journal is kept of it; the lock lasts
    // as long as it does.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (!isBusy(cause)) throw cause;
    throw inUse({ path, role, cause });
  }
  held.add(database);
  return () => {
    if (held.delete(database)) database.close();
  };
}

/** SQLite would take the process' mask for the file's mode. */
function makeFile(path: string): void {
  // Never opened where it is there: to close it would take the lock off, which is the process'.
  if (existsSync(path)) return;
  closeSync(openSync(path, 'a', fileMode));
}

const isBusy = (cause: unknown): boolean =>
  ((cause as { readonly errcode?: number }).errcode ?? 0) % 256 === sqliteBusy;

function inUse(facts: { path: string; role: DirectoryRole; cause: unknown }): LimiError {
  const { path, role, cause } = facts;
  const pid = holderOf(path);
  const who = pid === undefined ? 'in another container or on another host' : `process ${pid}`;
  const stop = pid === undefined ? 'stop it there' : `stop it (kill ${pid}, or its service)`;
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'DATA_DIRECTORY_IN_USE',
    message: `another ${role} works on this data directory: ${who}; ${stop}, or give this one a directory of its own with --data-dir`,
    detail: path,
    metadata: pid === undefined ? {} : { pid: String(pid) },
    cause,
  });
}

/** The process that has a lock on a file; undefined where the kernel doesn't tell this one. */
function holderOf(path: string): number | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/locks', 'utf8');
  } catch {
    // Not Linux, or no /proc: it is in use all the same.
    return undefined;
  }
  const { ino } = statSync(path);
  // proc_locks(5): number, kind, mode, access, process, device and inode, range.
  const pids = table.split('\n').flatMap((line) => {
    const [, , , , pid = '', file = ''] = line.split(/\s+/);
    return file.endsWith(`:${ino}`) && Number(pid) > 0 ? [Number(pid)] : [];
  });
  return pids[0];
}
