/**
 * The real disk files of this host: node:fs for files and headers, `qemu-img` to make and grow
 * disks. What it makes is `<path>.part…` first, then flushed, then linked to its name, so that a
 * crash at any point leaves either nothing of that name or all of it.
 */
import {
  chmod,
  constants,
  copyFile,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  rmdir,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type {
  DiskClone,
  DiskFile,
  DiskImages,
  DiskInfo,
  FileFacts,
  NewDisk,
  Reception,
  Space,
  TextFile,
} from './api.js';
import { DiskImageError, errnoOf, fromFileError } from './errors.js';
import { newPart, removeParts } from './parts.js';
import { publish, syncFile } from './publish.js';
import { parseQcow2Header } from './qcow2-header.js';
import { QemuImg } from './qemu-img.js';
import { receiveFile } from './receive.js';

/** Only the owner may read a disk; libvirt gives it to the machine's user while it runs. */
const diskMode = 0o600;
const textBytesMax = 64 * 1024;
const sectorBytes = 512;
/** Enough for header, extensions and a name where QEMU puts it. */
const headBytes = 4096;
const probeBytes = 64 * 1024;

/** The disk files of this host. */
export class HostDiskImages implements DiskImages {
  readonly #tool: QemuImg;
  readonly #reflinkByDevice = new Map<number, Promise<boolean>>();

  constructor(tool: QemuImg = new QemuImg()) {
    this.#tool = tool;
  }

  space(directory: string): Promise<Space> {
    return typed(directory, async () => {
      const facts = await statfs(directory);
      return {
        totalBytes: facts.blocks * facts.bsize,
        availableBytes: facts.bavail * facts.bsize,
      };
    });
  }

  supportsReflink(directory: string): Promise<boolean> {
    return typed(directory, async () => {
      const { dev } = await stat(directory);
      let answer = this.#reflinkByDevice.get(dev);
      if (answer === undefined) {
        answer = probeReflink(directory);
        this.#reflinkByDevice.set(dev, answer);
        answer.catch(() => this.#reflinkByDevice.delete(dev));
      }
      return await answer;
    });
  }

  ensureDirectory(directory: string, mode: number): Promise<boolean> {
    return typed(directory, async () => {
      await mkdir(dirname(directory), { recursive: true });
      try {
        await mkdir(directory, { mode });
      } catch (error) {
        if (!isErrno(error, 'EEXIST') || !(await stat(directory)).isDirectory()) throw error;
        return false;
      }
      await chmod(directory, mode);
      return true;
    });
  }

  removeEmptyDirectory(directory: string): Promise<boolean> {
    return typed(directory, async () => {
      try {
        await rmdir(directory);
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return true;
        if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EPERM')) return false;
        throw error;
      }
      return true;
    });
  }

  list(directory: string): Promise<readonly string[]> {
    return absentAs([], directory, async () => (await readdir(directory)).sort());
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return absentAs(undefined, path, async () => {
      const facts = await stat(path);
      const kind = facts.isFile() ? 'file' : facts.isDirectory() ? 'directory' : 'other';
      return { kind, sizeBytes: facts.size, allocatedBytes: facts.blocks * sectorBytes };
    });
  }

  readText(path: string): Promise<string | undefined> {
    return absentAs(undefined, path, () =>
      withFile(path, async (file) => (await readAt(file, 0, textBytesMax)).toString('utf8')),
    );
  }

  writeText({ path, text, mode }: TextFile): Promise<void> {
    return typed(path, async () => {
      const part = newPart(path);
      try {
        await writeFile(part, text);
        await chmod(part, mode);
        await publish(part, path);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    });
  }

  info({ path, format }: DiskFile): Promise<DiskInfo | undefined> {
    return absentAs(undefined, path, () =>
      withFile(path, async (file) => {
        const facts = await file.stat();
        const allocatedBytes = facts.blocks * sectorBytes;
        if (format === 'raw') {
          const virtualBytes = Math.ceil(facts.size / sectorBytes) * sectorBytes;
          return { virtualBytes, allocatedBytes, backingPath: undefined };
        }
        const header = parseQcow2Header(await readAt(file, 0, headBytes));
        if ('fault' in header) throw corrupt(`${path}: ${header.fault}`);
        const { virtualBytes, backing } = header;
        if (backing === undefined) return { virtualBytes, allocatedBytes, backingPath: undefined };
        const name = (await readAt(file, backing.offset, backing.length)).toString('utf8');
        return { virtualBytes, allocatedBytes, backingPath: resolve(dirname(path), name) };
      }),
    );
  }

  create({ path, format, virtualBytes }: NewDisk): Promise<void> {
    return this.#make(path, async (part) => {
      if (format === 'qcow2') await this.#tool.create({ path: part, virtualBytes });
      else await makeHole(part, virtualBytes);
    });
  }

  clone(clone: DiskClone): Promise<void> {
    const { path, format, source, virtualBytes } = clone;
    return this.#make(path, async (part) => {
      const info = await this.info(source);
      if (info === undefined) throw notFound(source.path);
      if (info.virtualBytes > virtualBytes) throw wouldShrink();
      if (clone.method === 'backing') {
        const name = relative(dirname(path), source.path);
        const backing = { path: name, format: source.format };
        await this.#tool.create({ path: part, virtualBytes, backing });
        return;
      }
      await copyFile(source.path, part, constants.COPYFILE_FICLONE_FORCE);
      if (info.virtualBytes === virtualBytes) return;
      await this.#tool.resize({ path: part, format, virtualBytes });
    });
  }

  resize(disk: NewDisk): Promise<void> {
    return typed(disk.path, async () => {
      const info = await this.info(disk);
      if (info === undefined) throw notFound(disk.path);
      if (info.virtualBytes > disk.virtualBytes) throw wouldShrink();
      if (info.virtualBytes === disk.virtualBytes) return;
      await this.#tool.resize(disk);
      await syncFile(disk.path);
    });
  }

  receive(reception: Reception): Promise<void> {
    return typed(reception.path, () => receiveFile(reception));
  }

  remove(path: string): Promise<void> {
    return typed(path, async () => {
      await removeParts(path);
      await rm(path, { force: true });
    });
  }

  /** Lets `write` fill a file from nothing, and gives it its name. */
  #make(path: string, write: (part: string) => Promise<void>): Promise<void> {
    return typed(path, async () => {
      if ((await this.stat(path)) !== undefined) {
        throw new DiskImageError({
          reason: 'ALREADY_EXISTS',
          message: 'the disk file exists already',
          detail: path,
        });
      }
      await removeParts(path);
      const part = newPart(path);
      try {
        await write(part);
        await chmod(part, diskMode);
        await publish(part, path);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    });
  }
}

async function probeReflink(directory: string): Promise<boolean> {
  const scratch = await mkdtemp(join(directory, '.reflink-'));
  try {
    const original = join(scratch, 'original');
    await writeFile(original, Buffer.alloc(probeBytes, 1));
    await copyFile(original, join(scratch, 'copy'), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTSUP', 'EOPNOTSUPP', 'ENOTTY', 'EINVAL', 'ENOSYS')) return false;
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function makeHole(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'wx', diskMode);
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function typed<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fromFileError(error, path);
  }
}

function absentAs<T, A>(absent: A, path: string, work: () => Promise<T>): Promise<T | A> {
  return typed(path, async () => {
    try {
      return await work();
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return absent;
      throw error;
    }
  });
}

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errnoOf(error) ?? '');
}

const notFound = (path: string): DiskImageError =>
  new DiskImageError({
    reason: 'NOT_FOUND',
    message: 'the disk file does not exist',
    detail: path,
  });

const wouldShrink = (): DiskImageError =>
  new DiskImageError({ reason: 'WOULD_SHRINK', message: 'a disk can not shrink' });

const corrupt = (detail: string): DiskImageError =>
  new DiskImageError({ reason: 'DISK_CORRUPT', message: 'the disk file is damaged', detail });
