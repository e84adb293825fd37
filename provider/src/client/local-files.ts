/**
 * The user's local files: their facts for plans, and their content for uploads.
 */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Files, OpenFile } from '../engine/files.js';
import type { FileFacts } from '../engine/private-state.js';

const readBytes = 1024 * 1024;

/** Files of this machine, relative paths being relative to the process' folder. */
export function localFiles(): Files {
  // Terraform plans a new resource more than once in a run.
  const hashed = new Map<string, FileFacts>();
  return {
    async facts(path, known) {
      const { size, mtimeMs } = await stat(path);
      for (const candidate of [known, hashed.get(path)]) {
        if (candidate?.sizeBytes === size && candidate.modifiedMs === mtimeMs) return candidate;
      }
      const facts = { sizeBytes: size, modifiedMs: mtimeMs, sha256: await hashFile(path) };
      hashed.set(path, facts);
      return facts;
    },
    async open(path): Promise<OpenFile> {
      const handle = await open(path);
      const { size } = await handle.stat();
      return {
        sizeBytes: size,
        async read(offset, length) {
          const buffer = Buffer.allocUnsafe(length);
          const { bytesRead } = await handle.read(buffer, 0, length, offset);
          return buffer.subarray(0, bytesRead);
        },
        close: () => handle.close(),
      };
    },
  };
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(readBytes);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, readBytes);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
