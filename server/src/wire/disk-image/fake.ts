/**
 * The disk files of a host that doesn't exist, in memory, behaving as the real ones do. Of a
 * file's content only the head, the length and a running SHA-256 are kept, so that hundreds of
 * simulated hosts can cache large images. The conformance suite runs against this and the real
 * files alike.
 */
import { createHash, type Hash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import {
  type DiskClone,
  type DiskFile,
  type DiskImages,
  type DiskInfo,
  type FileFacts,
  type NewDisk,
  partSuffix,
  type Reception,
  type Space,
  type TextFile,
} from './api.js';
import { checksumMismatch, DiskImageError, type DiskImageReason } from './errors.js';
import { encodeQcow2Header, isQcow2, parseQcow2Header } from './qcow2-header.js';
import { cancelled, endedEarly, tooLong } from './receive.js';

/** What the simulated host has. */
export interface FakeDiskImagesOptions {
  /** The size of its one filesystem; 1 TiB without it. */
  readonly totalBytes?: number;
  /** Whether that can share blocks. */
  readonly reflink?: boolean;
}

/** What a simulated hypervisor sees of the disks. */
export interface MachineDisks {
  exists(path: string): boolean;
  /** The size that the machine sees; 0 where there is no such disk. */
  sizeBytes(path: string): bigint;
  /** Grows a disk from within the machine that uses it. */
  resize(path: string, sizeBytes: bigint): void;
}

/** A method that can be made to fail. */
export type DiskImagesMethod = keyof DiskImages;

interface FakeFile {
  head: Uint8Array;
  sizeBytes: number;
  allocatedBytes: number;
  text: string | undefined;
  /** Of a file that is being received. */
  hash: Hash | undefined;
}

const totalBytesDefault = 1024 ** 4;
const headBytes = 4096;
/** What a new qcow2 takes: header, refcounts, L1 table. */
const emptyQcow2Bytes = 200_704;

/** The disk files of a simulated host. They outlive restarts of the agent that uses them. */
export class FakeDiskImages implements DiskImages {
  readonly #totalBytes: number;
  readonly #reflink: boolean;
  readonly #files = new Map<string, FakeFile>();
  readonly #directories = new Set<string>(['/']);
  readonly #locked = new Set<string>();
  readonly #faults = new Map<DiskImagesMethod, Error[]>();

  constructor(options: FakeDiskImagesOptions = {}) {
    this.#totalBytes = options.totalBytes ?? totalBytesDefault;
    this.#reflink = options.reflink ?? false;
  }

  /** Lets the next call of a method fail, before it does anything. */
  failNext(method: DiskImagesMethod, error: Error): void {
    this.#faults.set(method, [...(this.#faults.get(method) ?? []), error]);
  }

  /** Says that a machine has a file open, or no longer has: such a disk can't be resized. */
  setInUse(path: string, inUse: boolean): void {
    if (inUse) this.#locked.add(path);
    else this.#locked.delete(path);
  }

  /** What the simulated hypervisor of the same host is given. */
  get machineDisks(): MachineDisks {
    return {
      exists: (path) => this.#files.has(path),
      sizeBytes: (path) => {
        const head = this.#files.get(path)?.head ?? new Uint8Array();
        const format = isQcow2(head) ? 'qcow2' : 'raw';
        return BigInt(this.#info({ path, format })?.virtualBytes ?? 0);
      },
      resize: (path, sizeBytes) => {
        const file = this.#files.get(path);
        if (file !== undefined) setVirtualBytes(file, Number(sizeBytes));
      },
    };
  }

  /** Every file's path, sorted. */
  get paths(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  async space(directory: string): Promise<Space> {
    this.#enter('space');
    if (!this.#directories.has(directory)) throw failure('NOT_FOUND', directory);
    return { totalBytes: this.#totalBytes, availableBytes: this.#availableBytes() };
  }

  async supportsReflink(directory: string): Promise<boolean> {
    this.#enter('supportsReflink');
    if (!this.#directories.has(directory)) throw failure('NOT_FOUND', directory);
    return this.#reflink;
  }

  async ensureDirectory(directory: string, _mode: number): Promise<boolean> {
    this.#enter('ensureDirectory');
    if (this.#directories.has(directory)) return false;
    for (let path = directory; path !== '/'; path = dirname(path)) {
      if (this.#files.has(path)) throw failure('ALREADY_EXISTS', path);
      this.#directories.add(path);
    }
    return true;
  }

  async removeEmptyDirectory(directory: string): Promise<boolean> {
    this.#enter('removeEmptyDirectory');
    if (this.#names(directory).length > 0) return false;
    this.#directories.delete(directory);
    return true;
  }

  async list(directory: string): Promise<readonly string[]> {
    this.#enter('list');
    return this.#names(directory);
  }

  async stat(path: string): Promise<FileFacts | undefined> {
    this.#enter('stat');
    if (this.#directories.has(path)) return { kind: 'directory', sizeBytes: 0, allocatedBytes: 0 };
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    return { kind: 'file', sizeBytes: file.sizeBytes, allocatedBytes: file.allocatedBytes };
  }

  async readText(path: string): Promise<string | undefined> {
    this.#enter('readText');
    return this.#files.get(path)?.text;
  }

  async writeText({ path, text }: TextFile): Promise<void> {
    this.#enter('writeText');
    const head = new TextEncoder().encode(text);
    this.#add(path, { head, sizeBytes: head.length, allocatedBytes: head.length, text });
  }

  async info(disk: DiskFile): Promise<DiskInfo | undefined> {
    this.#enter('info');
    return this.#info(disk);
  }

  async create({ path, format, virtualBytes }: NewDisk): Promise<void> {
    this.#enter('create');
    if (format === 'qcow2') {
      this.#addQcow2(path, encodeQcow2Header({ virtualBytes }));
      return;
    }
    this.#add(path, { head: new Uint8Array(), sizeBytes: virtualBytes, allocatedBytes: 0 });
  }

  async clone(clone: DiskClone): Promise<void> {
    this.#enter('clone');
    const { path, source, virtualBytes, method } = clone;
    if (this.#files.has(path)) throw failure('ALREADY_EXISTS', path);
    const info = this.#info(source);
    const original = this.#files.get(source.path);
    if (info === undefined || original === undefined) throw failure('NOT_FOUND', source.path);
    if (info.virtualBytes > virtualBytes) throw failure('WOULD_SHRINK', path);
    if (method === 'backing') {
      const backing = { path: source.path, format: source.format };
      this.#addQcow2(path, encodeQcow2Header({ virtualBytes, backing }));
      return;
    }
    if (!this.#reflink) throw failure('NOT_SUPPORTED', path);
    const { head, sizeBytes } = original;
    const copy = this.#add(path, { head: Uint8Array.from(head), sizeBytes, allocatedBytes: 0 });
    setVirtualBytes(copy, virtualBytes);
  }

  async resize(disk: NewDisk): Promise<void> {
    this.#enter('resize');
    const info = this.#info(disk);
    const file = this.#files.get(disk.path);
    if (info === undefined || file === undefined) throw failure('NOT_FOUND', disk.path);
    if (info.virtualBytes > disk.virtualBytes) throw failure('WOULD_SHRINK', disk.path);
    if (info.virtualBytes === disk.virtualBytes) return;
    if (this.#locked.has(disk.path)) throw failure('DISK_IN_USE', disk.path);
    setVirtualBytes(file, disk.virtualBytes);
  }

  async receive(reception: Reception): Promise<void> {
    this.#enter('receive');
    const { path, sizeBytes, signal } = reception;
    const partPath = path + partSuffix;
    if (this.#files.has(path)) return;
    const part = this.#files.get(partPath) ?? this.#add(partPath, emptyFile());
    part.hash ??= createHash('sha256');
    try {
      reception.onProgress(part.sizeBytes);
      if (part.sizeBytes < sizeBytes) {
        for await (const piece of reception.open(part.sizeBytes))
          this.#append(part, piece, reception);
      }
      signal.throwIfAborted();
    } catch (error) {
      if (error instanceof DiskImageError && error.reason === 'CHECKSUM_MISMATCH') {
        this.#files.delete(partPath);
      }
      throw signal.aborted ? cancelled(error) : error;
    }
    if (part.sizeBytes < sizeBytes) throw endedEarly(part.sizeBytes, sizeBytes);
    const digest = part.hash.copy().digest('hex');
    this.#files.delete(partPath);
    if (digest !== reception.sha256) throw checksumMismatch(reception.sha256, digest);
    this.#add(path, part);
  }

  async remove(path: string): Promise<void> {
    this.#enter('remove');
    this.#files.delete(path + partSuffix);
    this.#files.delete(path);
  }

  #enter(method: DiskImagesMethod): void {
    const error = this.#faults.get(method)?.shift();
    if (error !== undefined) throw error;
  }

  #append(part: FakeFile, piece: Uint8Array, reception: Reception): void {
    reception.signal.throwIfAborted();
    if (part.sizeBytes + piece.length > reception.sizeBytes) throw tooLong(reception.sizeBytes);
    if (piece.length > this.#availableBytes()) throw failure('NO_SPACE', reception.path);
    if (part.head.length < headBytes) {
      const head = piece.subarray(0, headBytes - part.head.length);
      part.head = Buffer.concat([part.head, head]);
    }
    part.hash?.update(piece);
    part.sizeBytes += piece.length;
    part.allocatedBytes += piece.length;
    reception.onProgress(part.sizeBytes);
  }

  #info({ path, format }: DiskFile): DiskInfo | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    const { allocatedBytes } = file;
    if (format === 'raw') {
      const virtualBytes = Math.ceil(file.sizeBytes / 512) * 512;
      return { virtualBytes, allocatedBytes, backingPath: undefined };
    }
    const header = parseQcow2Header(file.head);
    if ('fault' in header) throw failure('DISK_CORRUPT', `${path}: ${header.fault}`);
    const { virtualBytes, backing } = header;
    if (backing === undefined) return { virtualBytes, allocatedBytes, backingPath: undefined };
    const name = file.head.subarray(backing.offset, backing.offset + backing.length);
    const backingPath = resolve(dirname(path), Buffer.from(name).toString('utf8'));
    return { virtualBytes, allocatedBytes, backingPath };
  }

  #addQcow2(path: string, head: Uint8Array): void {
    this.#add(path, { head, sizeBytes: emptyQcow2Bytes, allocatedBytes: emptyQcow2Bytes });
  }

  #add(path: string, file: Omit<FakeFile, 'text' | 'hash'> & Partial<FakeFile>): FakeFile {
    if (this.#files.has(path)) throw failure('ALREADY_EXISTS', path);
    if (!this.#directories.has(dirname(path))) throw failure('NOT_FOUND', path);
    if (file.allocatedBytes > this.#availableBytes()) throw failure('NO_SPACE', path);
    const added = { text: undefined, ...file, hash: undefined };
    this.#files.set(path, added);
    return added;
  }

  #availableBytes(): number {
    let used = 0;
    for (const { allocatedBytes } of this.#files.values()) used += allocatedBytes;
    return Math.max(0, this.#totalBytes - used);
  }

  #names(directory: string): string[] {
    const paths = [...this.#files.keys(), ...this.#directories];
    const inside = paths.filter((path) => path !== '/' && dirname(path) === directory);
    return inside.map((path) => path.slice(directory === '/' ? 1 : directory.length + 1)).sort();
  }
}

const emptyFile = () => ({ head: new Uint8Array(), sizeBytes: 0, allocatedBytes: 0 });

function setVirtualBytes(file: FakeFile, virtualBytes: number): void {
  const header = parseQcow2Header(file.head);
  if ('fault' in header) {
    file.sizeBytes = virtualBytes;
    return;
  }
  const { buffer, byteOffset } = file.head;
  new DataView(buffer, byteOffset).setBigUint64(24, BigInt(virtualBytes));
}

const words: Partial<Record<DiskImageReason, string>> = {
  NO_SPACE: 'the filesystem is full; free space or grow it',
  NOT_FOUND: 'the disk file does not exist',
  ALREADY_EXISTS: 'the disk file exists already',
  DISK_IN_USE: 'another process has the disk open',
  DISK_CORRUPT: 'the disk file is damaged',
  WOULD_SHRINK: 'a disk can not shrink',
  NOT_SUPPORTED: 'the filesystem can not do that',
};

function failure(reason: DiskImageReason, detail: string): DiskImageError {
  return new DiskImageError({ reason, message: words[reason] ?? reason, detail });
}
