/**
 * Giving a complete file its name, so that it survives a power cut and overwrites nothing: flush
 * the file, link it, drop the old name, flush the directory.
 */
import { link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes `part` durable under the name `path`. Throws EEXIST if there is such a file. */
export async function publish(part: string, path: string): Promise<void> {
  await syncFile(part);
  await link(part, path);
  await unlink(part);
  await syncFile(dirname(path));
}

/** Flushes a file, or a directory's entries, to the medium. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
