/** The errors of the library, and the one place where those of the server's disk become ours. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import { DiskImageError, fromFileError } from '../wire/disk-image/errors.js';

/** The reasons for which content is thrown away; trying again with the same content is in vain. */
export const refusalReasons: readonly string[] = ['CHECKSUM_MISMATCH', 'CONTENT_REFUSED'];

/** Does the work; an error of the server's disk comes out as a LimiError. */
export async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asLibraryError(error);
  }
}

function asLibraryError(thrown: unknown): unknown {
  const error = fromFileError(thrown);
  if (!(error instanceof DiskImageError)) return thrown;
  const isFull = error.reason === 'NO_SPACE';
  return new LimiError({
    code: isFull ? Code.ResourceExhausted : Code.Unavailable,
    reason: isFull ? 'LIBRARY_FULL' : 'LIBRARY_FAILED',
    message: `the image library can't be read or written: ${error.message}`,
    retryable: true,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    cause: error,
  });
}

/** The content is not what was promised. */
export function checksumMismatch(expected: string, actual: string): LimiError {
  return new LimiError({
    code: Code.DataLoss,
    reason: 'CHECKSUM_MISMATCH',
    message: `the content has the SHA-256 ${actual}, not ${expected}; nothing of it was kept`,
  });
}

/** The content is no disk that can be taken; `why` follows `the content`. */
export function contentRefused(why: string): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'CONTENT_REFUSED',
    message: `the content ${why}; nothing of it was kept`,
  });
}

/** A chunk begins after what has arrived. */
export function gap(offset: number, receivedBytes: number): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'UPLOAD_GAP',
    message: `the chunk begins at ${offset} and only ${receivedBytes} bytes have arrived; go on at ${receivedBytes}`,
  });
}

/** More was given than promised. */
export function tooLong(endBytes: number, sizeBytes: number): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'UPLOAD_TOO_LONG',
    message: `the content shall have ${sizeBytes} bytes and the chunk ends at ${endBytes}; upload the file that size_bytes and sha256 were taken from`,
  });
}

/** The library's disk has less space than is needed. */
export function full(neededBytes: number, availableBytes: number): LimiError {
  return new LimiError({
    code: Code.ResourceExhausted,
    reason: 'LIBRARY_FULL',
    message: `the image needs ${neededBytes} bytes and the library has ${availableBytes}; free space on the control plane, or remove images`,
    retryable: true,
  });
}

/** More calls for one image wait than are kept. */
export function busy(): LimiError {
  return new LimiError({
    code: Code.ResourceExhausted,
    reason: 'UPLOAD_BUSY',
    message: 'too many chunks of one image are being written; upload one at a time',
    retryable: true,
  });
}

/** The library has not all of the image. */
export function notComplete(): LimiError {
  return new LimiError({
    code: Code.NotFound,
    reason: 'IMAGE_NOT_COMPLETE',
    message: 'the image library does not have all of the image yet',
    retryable: true,
  });
}
