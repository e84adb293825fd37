/** A machine's files on a disk that fails: what is told names the file and the errno. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostDiskImages } from '../../wire/disk-image/host.js';
import { createNodeFiles } from './node-files.js';

const vmId = '01920000-0000-7000-8000-000000000001';
/** Reading at its beginning is EIO, which no healthy disk gives. */
const failing = '/proc/self/mem';
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lqx-node-files-'));
  mkdirSync(join(root, vmId));
});
afterEach(() => rmSync(root, { recursive: true }));

it('names the file and EIO where a seed can not be written, and may be tried again', async () => {
  const path = join(root, vmId, 'seed-1.iso');
  symlinkSync(failing, `${path}.part`);
  await expect(createNodeFiles(root).write(path, Buffer.from('seed'))).rejects.toMatchObject({
    name: 'LimiError',
    reason: 'IO_ERROR',
    retryable: true,
    message: `working with the machine's files on its node: ${vmId}/seed-1.iso could not be read or written: EIO; the disk below it fails: see the kernel's log`,
    detail: expect.stringContaining(path),
  });
});

it('names the file of a pool and EIO where it can not be read', async () => {
  const path = join(root, '.limiquantix-pool');
  symlinkSync(failing, path);
  await expect(new HostDiskImages().readText(path)).rejects.toMatchObject({
    reason: 'IO_ERROR',
    message: expect.stringMatching(/[/]\.limiquantix-pool could not be read or written: EIO;/),
  });
});

it('says what is full, and not what it is called', async () => {
  const path = join(root, vmId, 'seed-1.iso');
  symlinkSync('/dev/full', `${path}.part`);
  await expect(createNodeFiles(root).write(path, Buffer.from('seed'))).rejects.toMatchObject({
    reason: 'NO_SPACE',
    message: expect.stringContaining('the filesystem is full'),
  });
});
