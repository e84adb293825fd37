/** The one place where errors of disk files become errors of ours. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';
import { DiskImageError, type DiskImageReason } from '../../wire/disk-image/errors.js';

const codes: Readonly<Record<DiskImageReason, Code>> = {
  NO_SPACE: Code.ResourceExhausted,
  NOT_FOUND: Code.Unavailable,
  ALREADY_EXISTS: Code.AlreadyExists,
  DISK_IN_USE: Code.Unavailable,
  DISK_CORRUPT: Code.DataLoss,
  CHECKSUM_MISMATCH: Code.DataLoss,
  WOULD_SHRINK: Code.FailedPrecondition,
  NOT_SUPPORTED: Code.FailedPrecondition,
  PERMISSION_DENIED: Code.FailedPrecondition,
  NOT_EMPTY: Code.FailedPrecondition,
  TIMED_OUT: Code.DeadlineExceeded,
  OVERLOADED: Code.ResourceExhausted,
  CANCELLED: Code.Canceled,
  IO_ERROR: Code.Unavailable,
};

/** Does the work; an error of disk files comes out as a LimiError that says what was being done. */
export async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asLimiError(what, error);
  }
}

/** The error as ours; one that is not of disk files stays as it is. */
export function asLimiError(what: string, error: unknown): unknown {
  if (!(error instanceof DiskImageError)) return error;
  return new LimiError({
    code: codes[error.reason],
    reason: error.reason,
    message: `${what}: ${error.message}`,
    retryable: error.retryable || error.reason === 'NOT_FOUND',
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    cause: error,
  });
}
