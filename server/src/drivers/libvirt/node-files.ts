/**
 * The files that a machine has on its node beside its volumes: seeds and the log of its console,
 * in one folder per machine. On a real file system, and in memory for simulated nodes.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromFileError } from '../../wire/disk-image/errors.js';
import { naming } from '../directory/fault.js';

/** A node's files, by machine. */
export interface NodeFiles {
  /** The machine's folder; throws for what is no UUID. */
  folderOf(vmId: string): string;
  /** The machines that have a folder. */
  machines(): Promise<readonly string[]>;
  /** Paths of the machine's seeds. */
  seedPaths(vmId: string): Promise<readonly string[]>;
  /** Makes a file with this content at once or not at all; makes its folder. */
  write(path: string, content: Buffer): Promise<void>;
  /** Removes one file. Idempotent. */
  remove(path: string): Promise<void>;
  /** Removes the machine's folder with all that is in it. Idempotent. */
  removeAll(vmId: string): Promise<void>;
  /** Makes the machine's folder. Idempotent. */
  prepare(vmId: string): Promise<void>;
}

/** The name of a console's log in a machine's folder. */
export const CONSOLE_LOG = 'serial.log';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Others may pass through, as QEMU may run as another user; nobody but root may list. */
const FOLDER_MODE = 0o711;
/** Seeds hold secrets; libvirt gives each to the user that QEMU runs as. */
const FILE_MODE = 0o600;

/** Files under `root`. */
export function createNodeFiles(root: string): NodeFiles {
  const folderOf = (vmId: string) => join(root, checkedId(vmId));
  return {
    folderOf,
    machines: () =>
      working(root, async () =>
        (await readdir(root).catch(absent)).filter((name) => UUID.test(name)),
      ),
    seedPaths: (vmId) =>
      working(folderOf(vmId), async () => {
        const folder = folderOf(vmId);
        const names = await readdir(folder).catch(absent);
        return names.filter((name) => name.endsWith('.iso')).map((name) => join(folder, name));
      }),
    write: (path, content) => working(path, () => writeWhole(path, content)),
    remove: (path) => working(path, () => rm(path, { force: true })),
    removeAll: (vmId) =>
      working(folderOf(vmId), () => rm(folderOf(vmId), { recursive: true, force: true })),
    prepare: (vmId) =>
      working(folderOf(vmId), async () => {
        await mkdir(folderOf(vmId), { recursive: true, mode: FOLDER_MODE });
      }),
  };
}

/** What the file system refuses is told with the file and the errno. */
const working = <T>(path: string, work: () => Promise<T>): Promise<T> =>
  naming("working with the machine's files on its node", async () => {
    try {
      return await work();
    } catch (error) {
      throw fromFileError(error, path);
    }
  });

async function writeWhole(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
  const part = `${path}.part`;
  const file = await open(part, 'w', FILE_MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
}

/** The same without a file system; contents are not kept. */
export function createMemoryNodeFiles(root = '/simulated'): NodeFiles {
  const paths = new Set<string>();
  const folderOf = (vmId: string) => `${root}/${checkedId(vmId)}`;
  const inside = (vmId: string) =>
    [...paths].filter((path) => path.startsWith(`${folderOf(vmId)}/`));
  return {
    folderOf,
    async machines() {
      const names = [...paths].map((path) => path.slice(root.length + 1).split('/')[0] ?? '');
      return [...new Set(names)];
    },
    seedPaths: async (vmId) => inside(vmId).filter((path) => path.endsWith('.iso')),
    write: async (path) => void paths.add(path),
    remove: async (path) => void paths.delete(path),
    async removeAll(vmId) {
      for (const path of inside(vmId)) paths.delete(path);
    },
    prepare: async () => undefined,
  };
}

function checkedId(vmId: string): string {
  if (!UUID.test(vmId)) throw new Error(`${JSON.stringify(vmId)} is no id of a machine`);
  return vmId;
}

function absent(error: unknown): string[] {
  if ((error as { code?: unknown }).code === 'ENOENT') return [];
  throw error;
}
