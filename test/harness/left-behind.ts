/**
 * What a run of terraform leaves behind, to be searched: the files of its folder, and the entries
 * of saved plans, which are ZIP files (stored or deflated, no ZIP64). Source: APPNOTE.TXT 4.3.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const deflated = 8;

/** The entries, by their names. */
export function unzip(file: Buffer): ReadonlyMap<string, Buffer> {
  const end = file.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || file.readUInt32LE(end) !== endSignature) throw new Error('this is no ZIP file');
  const count = file.readUInt16LE(end + 10);
  const entries = new Map<string, Buffer>();
  let at = file.readUInt32LE(end + 16);
  for (let i = 0; i < count; i += 1) {
    if (file.readUInt32LE(at) !== entrySignature) throw new Error('the directory is broken');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) =>
      file.readUInt16LE(at + o),
    );
    const nameEnd = at + 46 + (nameLength ?? 0);
    entries.set(file.toString('utf8', at + 46, nameEnd), content(file, at));
    at = nameEnd + (extraLength ?? 0) + (commentLength ?? 0);
  }
  return entries;
}

function content(file: Buffer, entry: number): Buffer {
  const local = file.readUInt32LE(entry + 42);
  const begin = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
  const bytes = file.subarray(begin, begin + file.readUInt32LE(entry + 20));
  return file.readUInt16LE(entry + 10) === deflated ? inflateRawSync(bytes) : bytes;
}

/** Every file of a working folder, but for the provider itself. */
export function filesOf(dir: string): { name: string; text: string }[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/mirror/') && !path.includes('/.terraform/providers/'))
    .map((path) => ({ name: path.slice(dir.length + 1), text: readFileSync(path, 'latin1') }));
}
