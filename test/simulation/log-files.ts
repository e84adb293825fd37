/**
 * The files of a simulated host's agent: what was written and not synced is lost with the host's
 * power, wholly or in part, as on a real disk.
 */
import type { LogFile, LogFiles } from '../../server/src/agent/log-files.js';
import type { Chance } from './chance.js';

interface MemoryFile {
  synced: Buffer;
  written: Buffer;
}

/** Files that outlive the agent. */
export class SimulatedLogFiles implements LogFiles {
  readonly #files = new Map<string, MemoryFile>();

  async ensureDirectory(): Promise<void> {
    // Directories are no matter here.
  }

  async read(path: string): Promise<Buffer | undefined> {
    return this.#files.get(path)?.written;
  }

  async open(path: string, how: 'append' | 'empty'): Promise<LogFile> {
    const known = this.#files.get(path);
    const file = known !== undefined && how === 'append' ? known : emptyFile();
    this.#files.set(path, file);
    return {
      append: async (bytes) => {
        file.written = Buffer.concat([file.written, bytes]);
      },
      sync: async () => {
        file.synced = file.written;
      },
      truncate: async (length) => {
        file.written = file.written.subarray(0, length);
      },
      close: async () => undefined,
    };
  }

  async replace(from: string, to: string): Promise<void> {
    const file = this.#files.get(from);
    if (file === undefined) throw new Error(`there is no file ${from}`);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  /** The power goes: of what was not synced, some part may be there. */
  losePower(chance: Chance): void {
    for (const file of this.#files.values()) {
      const { synced, written } = file;
      const isLonger = written.length > synced.length;
      const length = isLonger ? chance.between(synced.length, written.length) : synced.length;
      file.written = isLonger ? written.subarray(0, length) : synced;
      file.synced = file.written;
    }
  }
}

const emptyFile = (): MemoryFile => ({ synced: Buffer.alloc(0), written: Buffer.alloc(0) });
