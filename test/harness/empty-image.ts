/** A qcow2 image with nothing in it, for simulated hosts, which look at its header only. */
import { writeFileSync } from 'node:fs';
import { encodeEmptyQcow2 } from '../../server/src/wire/disk-image/qcow2-header.js';

const virtualBytes = 64 * 1024 * 1024;

/** Writes the image and returns its path. */
export function emptyImage(path: string): string {
  writeFileSync(path, encodeEmptyQcow2({ virtualBytes }));
  return path;
}
