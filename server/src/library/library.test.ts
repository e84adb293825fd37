/** The library takes content in pieces, keeps what is as promised, and survives restarts. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { encodeEmptyQcow2, encodeQcow2Header } from '../wire/disk-image/qcow2-header.js';
import { Downloader } from './download.js';
import { Library } from './library.js';

const id = '00000000-0000-7000-8000-000000000001';
const gib = 1024 ** 3;
const content = encodeEmptyQcow2({ virtualBytes: gib });

let directory: string;
let library: Library;

const openLibrary = () =>
  Library.open({ directory, downloader: new Downloader({ clock: new VirtualClock() }) });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'limiquantix-library-'));
  library = await openLibrary();
});
afterEach(async () => {
  await library.close();
  rmSync(directory, { recursive: true });
});

function promiseOf(bytes: Uint8Array, format?: 'qcow2' | 'raw') {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sizeBytes: bytes.length, sha256, format };
}

function write(offset: number, endBytes: number, bytes = content) {
  return library.write(id, { offset, bytes: bytes.subarray(offset, endBytes) }, promiseOf(bytes));
}

async function readAll(offset: bigint): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of library.read(id, offset)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('takes chunks in order, overlapping ones too, and has the content then', async () => {
  expect(await library.received(id)).toEqual({ receivedBytes: 0, complete: false });
  expect(await write(0, 100_000)).toEqual({ receivedBytes: 100_000, complete: false });
  expect(await write(50_000, 90_000)).toEqual({ receivedBytes: 100_000, complete: false });
  expect(await write(50_000, 150_000)).toEqual({ receivedBytes: 150_000, complete: false });
  expect(await library.inspect(id, undefined)).toEqual({ kind: 'partial', receivedBytes: 150_000 });
  await expect(readAll(0n)).rejects.toMatchObject({ reason: 'IMAGE_NOT_COMPLETE' });
  const complete = { receivedBytes: content.length, complete: true };
  expect(await write(150_000, content.length)).toEqual(complete);
  expect(await write(0, 100_000)).toEqual(complete);
  expect(await library.inspect(id, undefined)).toEqual({
    kind: 'complete',
    sizeBytes: content.length,
    virtualBytes: gib,
    format: 'qcow2',
  });
  expect(await readAll(200_000n)).toEqual(Buffer.from(content.subarray(200_000)));
  expect(readdirSync(directory)).toEqual([id]);
});

test('refuses a gap and what goes beyond the promised length, and keeps what it has', async () => {
  await write(0, 1_000);
  await expect(write(1_001, 2_000)).rejects.toMatchObject({ reason: 'UPLOAD_GAP' });
  const long = { offset: content.length - 1, bytes: new Uint8Array(2) };
  await expect(library.write(id, long, promiseOf(content))).rejects.toMatchObject({
    reason: 'UPLOAD_TOO_LONG',
  });
  expect(await library.received(id)).toEqual({ receivedBytes: 1_000, complete: false });
});

test('goes on after a restart, with what had arrived counted in the checksum', async () => {
  await write(0, 120_000);
  await library.close();
  library = await openLibrary();
  expect(await library.received(id)).toEqual({ receivedBytes: 120_000, complete: false });
  expect(await write(120_000, content.length)).toMatchObject({ complete: true });
});

test('keeps nothing of content with another checksum, and takes the right one afterwards', async () => {
  const wrong = { ...promiseOf(content), sha256: '0'.repeat(64) };
  const all = { offset: 0, bytes: content };
  await expect(library.write(id, all, wrong)).rejects.toMatchObject({
    reason: 'CHECKSUM_MISMATCH',
    retryable: false,
  });
  expect(readdirSync(directory)).toEqual([]);
  expect(library.refusalOf(id)).toMatchObject({ reason: 'CHECKSUM_MISMATCH' });
  expect(await write(0, content.length)).toMatchObject({ complete: true });
  expect(library.refusalOf(id)).toBeUndefined();
});

const backed = encodeQcow2Header({
  virtualBytes: gib,
  backing: { path: '/etc/shadow', format: 'raw' },
});
const xz = new Uint8Array(4096).fill(1);
xz.set([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);

test.each([
  ['a qcow2 with a backing file', backed, undefined, 'backing file'],
  ['something packed', xz, undefined, 'looks like xz'],
  ['raw bytes that shall be qcow2', new Uint8Array(512), 'qcow2' as const, 'not a qcow2'],
])('refuses %s and keeps nothing', async (_, bytes, format, words) => {
  const written = library.write(id, { offset: 0, bytes }, promiseOf(bytes, format));
  await expect(written).rejects.toMatchObject({
    reason: 'CONTENT_REFUSED',
    message: expect.stringContaining(words),
  });
  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  ['raw bytes', new Uint8Array(1000), undefined, { format: 'raw', virtualBytes: 1024 }],
  [
    'what is packed, if it is said to be raw',
    xz,
    'raw' as const,
    { format: 'raw', virtualBytes: 4096 },
  ],
])('takes %s', async (_, bytes, format, facts) => {
  await library.write(id, { offset: 0, bytes }, promiseOf(bytes, format));
  expect(await library.inspect(id, format)).toMatchObject(facts);
});

test('writes chunks that come at once one after the other, and not too many', async () => {
  const chunks = Array.from({ length: 20 }, (_, i) => write(i * 1_000, (i + 1) * 1_000));
  const results = await Promise.allSettled(chunks);
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(4);
  expect(await library.received(id)).toEqual({ receivedBytes: 16_000, complete: false });
});

test('removes what there is, again and again, and lists only its own', async () => {
  await write(0, 1_000);
  writeFileSync(join(directory, 'lost+found'), '');
  expect(await library.inventory()).toEqual([id]);
  await library.remove(id);
  await library.remove(id);
  expect(await library.inventory()).toEqual([]);
  await expect(library.received('../../etc/passwd')).rejects.toMatchObject({
    reason: 'INVALID_ID',
  });
});
