/**
 * The files that an agent keeps its desired state in, as `replica.ts` needs them: appended to,
 * synced, and replaced as a whole. Handed in, so that a simulation has some that lose what was not
 * synced.
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that is open. */
export interface LogFile {
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when all that was appended is on disk; metadata that no reader needs may follow. */
  sync(): Promise<void>;
  /** Cuts off what is beyond a length. */
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** Where files are. */
export interface LogFiles {
  /** Makes a directory that only its owner may enter. Idempotent. */
  ensureDirectory(path: string): Promise<void>;
  /** A file's content, or undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>;
  /** Opens a file to append to it, as it is or emptied; makes it where it doesn't exist. */
  open(path: string, how: 'append' | 'empty'): Promise<LogFile>;
  /** Puts one file in the place of another in the same directory; on disk when this returns. */
  replace(from: string, to: string): Promise<void>;
}

const directoryMode = 0o700;
const fileMode = 0o600;
const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants;
const flags = {
  append: O_WRONLY | O_CREAT | O_APPEND,
  empty: O_WRONLY | O_CREAT | O_APPEND | O_TRUNC,
} as const;

/** The files of this machine. */
export const machineLogFiles: LogFiles = {
  async ensureDirectory(path) {
    await mkdir(path, { recursive: true, mode: directoryMode });
  },
  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  async open(path, how) {
    const file = await open(path, flags[how], fileMode);
    return {
      append: (bytes) => file.appendFile(bytes),
      sync: () => file.datasync(),
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    };
  },
  async replace(from, to) {
    await rename(from, to);
    await syncDirectory(dirname(to));
  },
};

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
