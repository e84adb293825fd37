/**
 * Fetching a file into `<path>.part` and verifying it: what an earlier try has left is hashed
 * again and gone on from. Only content of the promised length and SHA-256 gets the file's name.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants, type FileHandle, open, rm, stat } from 'node:fs/promises';
import { partSuffix, type Reception } from './api.js';
import { checksumMismatch, DiskImageError, errnoOf } from './errors.js';
import { publish } from './publish.js';

const pieceBytes = 1024 ** 2;

/** Does what `DiskImages.receive` says. */
export async function receiveFile(reception: Reception): Promise<void> {
  const { path, mode, signal } = reception;
  const part = path + partSuffix;
  if (await exists(path)) {
    await rm(part, { force: true });
    return;
  }
  const file = await open(part, constants.O_RDWR | constants.O_CREAT, mode);
  try {
    await file.chmod(mode);
    const digest = await fill(file, reception);
    if (digest !== reception.sha256) throw checksumMismatch(reception.sha256, digest);
  } catch (error) {
    if (error instanceof DiskImageError && error.reason === 'CHECKSUM_MISMATCH') await rm(part);
    throw signal.aborted ? cancelled(error) : error;
  } finally {
    await file.close();
  }
  await publish(part, path);
}

/** Completes the content; returns its SHA-256. */
async function fill(file: FileHandle, reception: Reception): Promise<string> {
  const { sizeBytes, signal, onProgress } = reception;
  const hash = createHash('sha256');
  let received = (await file.stat()).size;
  if (received > sizeBytes) {
    await file.truncate(0);
    received = 0;
  }
  await hashFile(file, { hash, sizeBytes: received, signal });
  onProgress(received);
  if (received < sizeBytes) {
    for await (const piece of reception.open(received)) {
      signal.throwIfAborted();
      if (received + piece.length > sizeBytes) throw tooLong(sizeBytes);
      await writeAll(file, piece, received);
      hash.update(piece);
      received += piece.length;
      onProgress(received);
    }
  }
  signal.throwIfAborted();
  if (received < sizeBytes) throw endedEarly(received, sizeBytes);
  return hash.digest('hex');
}

async function writeAll(file: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    const { bytesWritten } = await file.write(piece, done, piece.length - done, position + done);
    done += bytesWritten;
  }
}

async function hashFile(
  file: FileHandle,
  work: { readonly hash: Hash; readonly sizeBytes: number; readonly signal: AbortSignal },
): Promise<void> {
  const buffer = Buffer.alloc(Math.min(pieceBytes, work.sizeBytes));
  for (let offset = 0; offset < work.sizeBytes; ) {
    work.signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0) throw endedEarly(offset, work.sizeBytes);
    work.hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The transfer was called off; what has arrived stays. */
export function cancelled(cause: unknown): DiskImageError {
  return new DiskImageError({ reason: 'CANCELLED', message: 'the transfer was called off', cause });
}

/** The source gave more than was promised. */
export function tooLong(sizeBytes: number): DiskImageError {
  return new DiskImageError({
    reason: 'CHECKSUM_MISMATCH',
    message: `the content is longer than the ${sizeBytes} bytes that it should have`,
  });
}

/** The source ended before all was there; what has arrived stays. */
export function endedEarly(received: number, sizeBytes: number): DiskImageError {
  return new DiskImageError({
    reason: 'IO_ERROR',
    message: `the content ended after ${received} of ${sizeBytes} bytes`,
  });
}
