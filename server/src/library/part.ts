/**
 * The file of content that is still arriving, with its SHA-256 kept up while it grows. Opening it
 * again after a restart hashes what is there. One writer at a time; `library.ts` sees to that.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants, type FileHandle, open, rm } from 'node:fs/promises';
import type { DiskFormat } from '../wire/disk-image/api.js';
import { publish } from '../wire/disk-image/publish.js';
import { type ContentFacts, headBytes, judgeContent } from './content.js';
import { checksumMismatch, contentRefused } from './errors.js';

/** What content must be for it to be taken. */
export interface Promised {
  /** The SHA-256 in lower-case hexadecimal. */
  readonly sha256: string;
  /** The format that its owner says it has; its first bytes tell without it. */
  readonly format: DiskFormat | undefined;
}

const fileMode = 0o600;
const pieceBytes = 1024 ** 2;

/** Content that is still arriving. */
export class Part {
  readonly #path: string;
  readonly #file: FileHandle;
  #hash: Hash;
  #receivedBytes: number;

  private constructor(path: string, file: FileHandle, hash: Hash, receivedBytes: number) {
    this.#path = path;
    this.#file = file;
    this.#hash = hash;
    this.#receivedBytes = receivedBytes;
  }

  /** Opens the file, or makes it, and hashes what is there. */
  static async open(path: string): Promise<Part> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, fileMode);
    try {
      const hash = createHash('sha256');
      return new Part(path, file, hash, await hashAll(file, hash));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The SHA-256 of what has arrived. */
  get digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Adds bytes at the end. */
  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const position = this.#receivedBytes + done;
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position);
      done += bytesWritten;
    }
    this.#hash.update(bytes);
    this.#receivedBytes += bytes.length;
  }

  /** Forgets what has arrived. */
  async truncate(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#receivedBytes = 0;
  }

  /**
   * Verifies the content and gives it its name; the part is closed then. Content that isn't as
   * promised is removed, and CHECKSUM_MISMATCH or CONTENT_REFUSED is thrown.
   */
  async finish(path: string, promised: Promised): Promise<void> {
    const { digest } = this;
    const refusal =
      digest === promised.sha256
        ? await this.#refusal(promised)
        : checksumMismatch(promised.sha256, digest);
    await this.close();
    if (refusal !== undefined) {
      await rm(this.#path, { force: true });
      throw refusal;
    }
    await publish(this.#path, path);
  }

  /** Closes the file, which stays. Idempotent. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  async #refusal(promised: Promised): Promise<Error | undefined> {
    const facts = await judgeFile(this.#file, promised.format);
    return 'refusal' in facts ? contentRefused(facts.refusal) : undefined;
  }
}

/** What the content of an open file is. */
export async function judgeFile(
  file: FileHandle,
  declared: DiskFormat | undefined,
): Promise<ContentFacts> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  return judgeContent({ head: buffer.subarray(0, bytesRead), sizeBytes: size, declared });
}

async function hashAll(file: FileHandle, hash: Hash): Promise<number> {
  const buffer = Buffer.alloc(pieceBytes);
  for (let offset = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0) return offset;
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
}
