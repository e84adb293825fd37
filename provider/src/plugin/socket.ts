/** The socket of a plugin, in a folder of its own that nobody else can enter. */
import { mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Where to listen, and how to take that away again. */
export interface PluginSocket {
  readonly path: string;
  /** Removes socket and folder, and nothing else: never recursively. Idempotent. */
  remove(): void;
}

/** Makes the folder; the socket is made by who listens. */
export function pluginSocket(parent: string): PluginSocket {
  const folder = mkdtempSync(join(parent, 'lqx-'));
  const path = join(folder, 's');
  return {
    path,
    remove() {
      for (const remove of [() => unlinkSync(path), () => rmdirSync(folder)]) {
        try {
          remove();
        } catch (error) {
          // The server may have taken the socket away itself.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
    },
  };
}
