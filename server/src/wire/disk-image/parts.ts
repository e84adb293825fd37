/**
 * The files that become others: each in the making has a name of its own, so that of two processes
 * that make the same file (an agent and the one before it, which hangs) none writes into what the
 * other gives its name. What a killed process left is found by the beginning of its name.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { partSuffix } from './api.js';
import { errnoOf } from './errors.js';

let count = 0;

/** A name for a file in the making; no other process and no other call has it. */
export function newPart(path: string): string {
  count += 1;
  return `${path}${partSuffix}.${process.pid}-${count}`;
}

/** Removes what was left of a file that was never completed. Idempotent. */
export async function removeParts(path: string): Promise<void> {
  const beginning = `${basename(path)}${partSuffix}`;
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  });
  const own = names.filter((name) => name === beginning || name.startsWith(`${beginning}.`));
  for (const name of own) await rm(join(dirname(path), name), { force: true });
}
