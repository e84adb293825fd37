/**
 * The control plane's image library: one file for each image in a directory of the server,
 * complete and verified under the image's id, still arriving under `<id>.part`. It knows ids and
 * content, no resources; what an image should be is told with every call.
 */
import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import { type DiskFormat, partSuffix } from '../wire/disk-image/api.js';
import { errnoOf } from '../wire/disk-image/errors.js';
import type { Downloader } from './download.js';
import { busy, full, gap, notComplete, onDisk, refusalReasons, tooLong } from './errors.js';
import { judgeFile, Part, type Promised } from './part.js';

/** What the library has of an image. */
export type LibraryFacts =
  | { readonly kind: 'partial'; readonly receivedBytes: number }
  | {
      readonly kind: 'complete';
      readonly sizeBytes: number;
      readonly virtualBytes: number;
      readonly format: DiskFormat;
    };

/** A piece of content from a client. */
export interface Chunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What uploaded content must be. */
export interface PromisedUpload extends Promised {
  readonly sizeBytes: number;
}

/** How much of an image has arrived. */
export interface Received {
  readonly receivedBytes: number;
  /** Whether it is complete and verified. */
  readonly complete: boolean;
}

/** Content to fetch. */
export interface Download extends Promised {
  readonly url: string;
  readonly signal: AbortSignal;
  readonly onProgress: (receivedBytes: number) => void;
}

/** What the library works with. */
export interface LibraryOptions {
  /** Its directory; made where it doesn't exist. */
  readonly directory: string;
  readonly downloader: Downloader;
}

const directoryMode = 0o700;
const readBytes = 256 * 1024;
/** Parts that are kept open between chunks. */
const openPartsMax = 64;
/** Calls for one image at once; the others wait for the first. */
const callsMax = 16;
/** Refusals that are remembered. */
const refusalsMax = 1024;
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The library. */
export class Library {
  readonly #options: LibraryOptions;
  readonly #parts = new Map<string, Part>();
  readonly #refusals = new Map<string, LimiError>();
  readonly #queues = new Map<string, { tail: Promise<void>; calls: number }>();

  private constructor(options: LibraryOptions) {
    this.#options = options;
  }

  /** Opens the library. */
  static async open(options: LibraryOptions): Promise<Library> {
    await onDisk(() => mkdir(options.directory, { recursive: true, mode: directoryMode }));
    return new Library(options);
  }

  /** What there is of an image. `declared` is the format that its owner says it has. */
  async inspect(imageId: string, declared: DiskFormat | undefined): Promise<LibraryFacts> {
    return onDisk(async () => {
      const path = this.#pathOf(imageId);
      const sizeBytes = await sizeOf(path);
      if (sizeBytes === undefined) {
        const receivedBytes = this.#parts.get(imageId)?.receivedBytes;
        const partBytes = receivedBytes ?? (await sizeOf(path + partSuffix)) ?? 0;
        return { kind: 'partial', receivedBytes: partBytes };
      }
      const file = await open(path, 'r');
      try {
        const facts = await judgeFile(file, declared);
        if ('refusal' in facts) throw new Error(`a verified image ${facts.refusal}`);
        return { kind: 'complete', sizeBytes, ...facts };
      } finally {
        await file.close();
      }
    });
  }

  /** Why the last content of an image was thrown away; undefined once new content arrives. */
  refusalOf(imageId: string): LimiError | undefined {
    return this.#refusals.get(imageId);
  }

  /** How much of an image has arrived. */
  async received(imageId: string): Promise<Received> {
    const facts = await this.inspect(imageId, undefined);
    if (facts.kind === 'complete') return { receivedBytes: facts.sizeBytes, complete: true };
    return { receivedBytes: facts.receivedBytes, complete: false };
  }

  /**
   * Adds a chunk: what it overlaps is ignored, a gap is refused (UPLOAD_GAP). With the last one the
   * content is verified and becomes readable; if it isn't as promised, CHECKSUM_MISMATCH or
   * CONTENT_REFUSED, and nothing of it is kept.
   */
  async write(imageId: string, chunk: Chunk, promised: PromisedUpload): Promise<Received> {
    return this.#alone(imageId, async () => {
      const { sizeBytes } = promised;
      const endBytes = chunk.offset + chunk.bytes.length;
      if (endBytes > sizeBytes) throw tooLong(endBytes, sizeBytes);
      if ((await sizeOf(this.#pathOf(imageId))) !== undefined) {
        return { receivedBytes: sizeBytes, complete: true };
      }
      const part = await this.#part(imageId, sizeBytes);
      if (part.receivedBytes > sizeBytes) await part.truncate();
      if (chunk.offset > part.receivedBytes) throw gap(chunk.offset, part.receivedBytes);
      this.#refusals.delete(imageId);
      if (endBytes > part.receivedBytes) {
        await part.append(chunk.bytes.subarray(part.receivedBytes - chunk.offset));
      }
      if (part.receivedBytes < sizeBytes) {
        return { receivedBytes: part.receivedBytes, complete: false };
      }
      await this.#finish(imageId, part, promised);
      return { receivedBytes: sizeBytes, complete: true };
    });
  }

  /**
   * Fetches an image, going on from what has arrived where the server allows; nothing happens if
   * it is complete. Throws as `write` does, and what `Downloader` says.
   */
  async download(imageId: string, download: Download): Promise<void> {
    await this.#alone(imageId, async () => {
      if ((await sizeOf(this.#pathOf(imageId))) !== undefined) return;
      const part = await this.#part(imageId, 0);
      this.#refusals.delete(imageId);
      const { url, sha256, signal, onProgress } = download;
      if (part.digest !== sha256) {
        const requireSpace = (neededBytes: number) => this.#requireSpace(neededBytes);
        await this.#options.downloader.fill(part, {
          url,
          signal,
          onProgress,
          sha256,
          requireSpace,
        });
      }
      await this.#finish(imageId, part, download);
    });
  }

  /**
   * The content of a complete image from an offset on. Throws NOT_FOUND where it isn't complete.
   */
  async *read(
    imageId: string,
    offset: bigint,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    const path = this.#pathOf(imageId);
    if ((await onDisk(() => sizeOf(path))) === undefined) throw notComplete();
    const file = await onDisk(() => open(path, 'r'));
    try {
      for (let position = Number(offset); ; ) {
        signal?.throwIfAborted();
        const buffer = Buffer.allocUnsafe(readBytes);
        const { bytesRead } = await onDisk(() => file.read(buffer, 0, readBytes, position));
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
        position += bytesRead;
      }
    } finally {
      await file.close();
    }
  }

  /**
   * Removes all there is of an image. Idempotent. Waits for a download under way: call it off
   * first.
   */
  async remove(imageId: string): Promise<void> {
    await this.#alone(imageId, async () => {
      await this.#closePart(imageId);
      this.#refusals.delete(imageId);
      const path = this.#pathOf(imageId);
      await rm(path + partSuffix, { force: true });
      await rm(path, { force: true });
    });
  }

  /** The ids of the images that there is anything of. */
  async inventory(): Promise<readonly string[]> {
    const names = await onDisk(() => readdir(this.#options.directory));
    const ids = names.map((name) => name.replace(partSuffix, ''));
    return [...new Set(ids.filter((id) => idPattern.test(id)))];
  }

  /** Closes all files; what has arrived stays. */
  async close(): Promise<void> {
    for (const imageId of [...this.#parts.keys()]) await this.#closePart(imageId);
  }

  async #finish(imageId: string, part: Part, promised: Promised): Promise<void> {
    this.#parts.delete(imageId);
    try {
      await part.finish(this.#pathOf(imageId), promised);
    } catch (error) {
      if (error instanceof LimiError && refusalReasons.includes(error.reason)) {
        this.#refusals.set(imageId, error);
        trim(this.#refusals, refusalsMax);
      }
      throw error;
    }
  }

  /** The open part of an image; the first time, there must be space for what it will have. */
  async #part(imageId: string, sizeBytes: number): Promise<Part> {
    const known = this.#parts.get(imageId);
    if (known !== undefined) return known;
    const path = this.#pathOf(imageId) + partSuffix;
    await this.#requireSpace(sizeBytes - ((await sizeOf(path)) ?? 0));
    const part = await Part.open(path);
    this.#parts.set(imageId, part);
    for (const id of this.#parts.keys()) {
      if (this.#parts.size <= openPartsMax) break;
      if (!this.#queues.has(id)) await this.#closePart(id);
    }
    return part;
  }

  async #closePart(imageId: string): Promise<void> {
    const part = this.#parts.get(imageId);
    this.#parts.delete(imageId);
    await part?.close();
  }

  async #requireSpace(neededBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#options.directory);
    if (neededBytes > bavail * bsize) throw full(neededBytes, bavail * bsize);
  }

  /** Does the work when no other call for the image is under way. */
  async #alone<T>(imageId: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(imageId) ?? { tail: Promise.resolve(), calls: 0 };
    if (queue.calls >= callsMax) throw busy();
    this.#queues.set(imageId, queue);
    queue.calls += 1;
    const result = queue.tail.then(() => onDisk(work));
    const ended = () => {
      queue.calls -= 1;
      if (queue.calls === 0) this.#queues.delete(imageId);
    };
    queue.tail = result.then(ended, ended);
    return await result;
  }

  #pathOf(imageId: string): string {
    if (!idPattern.test(imageId)) throw invalidId();
    return join(this.#options.directory, imageId);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function trim(map: Map<string, unknown>, sizeMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(key);
  }
}

function invalidId(): LimiError {
  const message = 'the id of an image must be a UUID in lower case';
  return new LimiError({ code: Code.InvalidArgument, reason: 'INVALID_ID', message });
}
