/**
 * Every error of disk files, typed: the one place where errno values and qemu-img's texts are
 * mapped. Messages name no path but the end of one that can't be read or written at all, by which
 * the file is found; the rest is in `detail`, which is for the log only.
 */

import { types } from 'node:util';

/** What went wrong with a disk file. */
export type DiskImageReason =
  /** The medium is full. */
  | 'NO_SPACE'
  | 'NOT_FOUND'
  /** The target exists; nothing was overwritten. */
  | 'ALREADY_EXISTS'
  /** A running machine, or another process, has the file open for writing. */
  | 'DISK_IN_USE'
  /** The file is not what its format says. */
  | 'DISK_CORRUPT'
  /** The content is not what was promised; nothing of it was kept. */
  | 'CHECKSUM_MISMATCH'
  /** The asked size is smaller than the disk. */
  | 'WOULD_SHRINK'
  /** The filesystem or the tool can't do it. */
  | 'NOT_SUPPORTED'
  | 'PERMISSION_DENIED'
  /** The directory has entries. */
  | 'NOT_EMPTY'
  /** The tool did not end in time. */
  | 'TIMED_OUT'
  /** More calls wait than the queue holds. */
  | 'OVERLOADED'
  | 'CANCELLED'
  | 'IO_ERROR';

/** What a {@link DiskImageError} is made of. */
export interface DiskImageErrorFields {
  readonly reason: DiskImageReason;
  readonly message: string;
  readonly detail?: string;
  readonly cause?: unknown;
}

const retryableReasons: ReadonlySet<DiskImageReason> = new Set([
  'NO_SPACE',
  'DISK_IN_USE',
  'PERMISSION_DENIED',
  'TIMED_OUT',
  'OVERLOADED',
  'CANCELLED',
  'IO_ERROR',
]);

/** A disk file could not be read or changed as asked. */
export class DiskImageError extends Error {
  readonly reason: DiskImageReason;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** Paths and the tool's own words: for the log, never for a user. */
  readonly detail: string | undefined;

  constructor(fields: DiskImageErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'DiskImageError';
    this.reason = fields.reason;
    this.retryable = retryableReasons.has(fields.reason);
    this.detail = fields.detail;
  }
}

/** Whether `error` is a disk file's, for one of these reasons. */
export function isDiskImageError(
  error: unknown,
  ...reasons: readonly DiskImageReason[]
): error is DiskImageError {
  return error instanceof DiskImageError && reasons.includes(error.reason);
}

const byErrno: Readonly<Record<string, readonly [DiskImageReason, string]>> = {
  ENOSPC: ['NO_SPACE', 'the filesystem is full; free space or grow it'],
  EDQUOT: ['NO_SPACE', 'the quota of the filesystem is used up; raise it'],
  ENOENT: ['NOT_FOUND', 'the file does not exist'],
  EEXIST: ['ALREADY_EXISTS', 'the file exists already'],
  ENOTEMPTY: ['NOT_EMPTY', 'the directory is not empty'],
  EACCES: ['PERMISSION_DENIED', 'access to the file is denied'],
  EPERM: ['PERMISSION_DENIED', 'access to the file is denied'],
  EROFS: ['PERMISSION_DENIED', 'the filesystem is read-only'],
  EOPNOTSUPP: ['NOT_SUPPORTED', 'the filesystem can not do that'],
  ENOTSUP: ['NOT_SUPPORTED', 'the filesystem can not do that'],
  EXDEV: ['NOT_SUPPORTED', 'the files are on different filesystems'],
  ENOTTY: ['NOT_SUPPORTED', 'the filesystem can not do that'],
  EINVAL: ['NOT_SUPPORTED', 'the filesystem can not do that'],
};

/**
 * The name of the system's error behind what node:fs threw, such as `ENOENT`; undefined for
 * others.
 */
export function errnoOf(error: unknown): string | undefined {
  // Not `instanceof`: jest runs modules in another realm than the one that makes these errors.
  if (!types.isNativeError(error) || !('syscall' in error && 'code' in error)) return undefined;
  return String(error.code);
}

/**
 * The typed error for what node:fs threw about a file; any other error stays as it is. `path` is
 * of the file that was worked on, where the error itself may not say it.
 */
export function fromFileError(error: unknown, path?: string): Error {
  if (!types.isNativeError(error)) return new Error(String(error));
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const where = ('path' in error ? String(error.path) : path) ?? '';
  const [reason, message] = byErrno[errno] ?? ['IO_ERROR' as const, failureAt(where, errno)];
  const detail = where === '' ? error.message : `${where}: ${error.message}`;
  return new DiskImageError({ reason, message, detail, cause: error });
}

/** So many parts of a path tell one file of a host from the others. */
const shownParts = 2;

function failureAt(path: string, errno: string): string {
  const end = path.split('/').filter(Boolean).slice(-shownParts).join('/');
  const file = end === '' ? 'the file' : end;
  const remedy = errno === 'EIO' ? "; the disk below it fails: see the kernel's log" : '';
  return `${file} could not be read or written: ${errno}${remedy}`;
}

const byText: readonly (readonly [RegExp, DiskImageReason, string])[] = [
  [
    /Failed to get .*lock|Is another process using/,
    'DISK_IN_USE',
    'another process has the disk open',
  ],
  [/No space left on device/, 'NO_SPACE', 'the filesystem is full; free space or grow it'],
  [/Disk quota exceeded/, 'NO_SPACE', 'the quota of the filesystem is used up; raise it'],
  [/No such file or directory/, 'NOT_FOUND', 'the file does not exist'],
  [/Permission denied|Read-only file system/, 'PERMISSION_DENIED', 'access to the file is denied'],
  [/--shrink/, 'WOULD_SHRINK', 'a disk can not shrink'],
  [
    /not in qcow2 format|corrupt|Invalid .*(offset|header|table)/i,
    'DISK_CORRUPT',
    'the disk file is damaged',
  ],
];

/** The typed error for what qemu-img wrote to stderr before it failed. */
export function fromToolFailure(stderr: string, cause?: unknown): DiskImageError {
  const found = byText.find(([pattern]) => pattern.test(stderr));
  return new DiskImageError({
    reason: found?.[1] ?? 'IO_ERROR',
    message: found?.[2] ?? 'qemu-img failed',
    detail: stderr.trim(),
    cause,
  });
}

/** The content is not what was promised. */
export function checksumMismatch(expected: string, actual: string): DiskImageError {
  return new DiskImageError({
    reason: 'CHECKSUM_MISMATCH',
    message: `the content has the SHA-256 ${actual}, not ${expected}`,
  });
}
