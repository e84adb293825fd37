/**
 * One suite for everything behind `DiskImages`: the in-memory host, the real files of this
 * machine, and real files on a filesystem that can share blocks, where
 * LIMIQUANTIX_REFLINK_DIRECTORY names one.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiskImages, Reception } from '../../server/src/wire/disk-image/api.js';
import { FakeDiskImages } from '../../server/src/wire/disk-image/fake.js';
import { HostDiskImages } from '../../server/src/wire/disk-image/host.js';
import { encodeEmptyQcow2 } from '../../server/src/wire/disk-image/qcow2-header.js';
import { hasQemuImg, realDirectories } from './real-files.js';

const mib = 1024 ** 2;
const gib = 1024 ** 3;

interface Host {
  readonly disks: DiskImages;
  readonly directory: string;
  readonly close: () => void;
}

const hosts: readonly (readonly [string, () => Host])[] = [
  ['in memory', () => fakeHost(false)],
  ['in memory, sharing blocks', () => fakeHost(true)],
  ...realDirectories.map((parent) => [`real files in ${parent}`, () => realHost(parent)] as const),
];

function fakeHost(reflink: boolean): Host {
  const disks = new FakeDiskImages({ reflink });
  return { disks, directory: '/pool', close: () => undefined };
}

function realHost(parent: string): Host {
  const scratch = mkdtempSync(join(parent, 'limiquantix-disk-'));
  const close = () => rmSync(scratch, { recursive: true });
  return { disks: new HostDiskImages(), directory: join(scratch, 'pool'), close };
}

const image = encodeEmptyQcow2({ virtualBytes: gib });

function reception(path: string, extra: Partial<Reception> = {}): Reception {
  return {
    path,
    open: (offset) => pieces(image.subarray(offset)),
    sizeBytes: image.length,
    sha256: createHash('sha256').update(image).digest('hex'),
    mode: 0o644,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...extra,
  };
}

async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000);
}

async function* breakingAfter(count: number, content: Uint8Array): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const piece of pieces(content)) {
    if (left === 0) throw new Error('the line broke');
    left -= 1;
    yield piece;
  }
}

if (!hasQemuImg) {
  test.skip('real disk files: qemu-img is not installed (package qemu-utils)', () => undefined);
}

describe.each(hosts)('disk files %s', (_, makeHost) => {
  let host: Host;
  let disks: DiskImages;
  let at: (name: string) => string;

  beforeEach(async () => {
    host = makeHost();
    disks = host.disks;
    at = (name) => join(host.directory, name);
    await disks.ensureDirectory(host.directory, 0o711);
  });
  afterEach(() => host.close());

  it('tells whether it made a directory, and its space', async () => {
    expect(await disks.ensureDirectory(host.directory, 0o711)).toBe(false);
    expect(await disks.ensureDirectory(at('a/b'), 0o711)).toBe(true);
    const { totalBytes, availableBytes } = await disks.space(at('a'));
    expect(totalBytes).toBeGreaterThanOrEqual(availableBytes);
    expect(availableBytes).toBeGreaterThan(0);
    expect(await disks.list(host.directory)).toEqual(['a']);
    expect(await disks.removeEmptyDirectory(at('a'))).toBe(false);
    expect(await disks.removeEmptyDirectory(at('a/b'))).toBe(true);
    expect(await disks.removeEmptyDirectory(at('a/b'))).toBe(true);
    expect(await disks.list(at('nowhere'))).toEqual([]);
    await expect(disks.space(at('nowhere'))).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  it('keeps a text and does not overwrite it', async () => {
    const path = at('note');
    expect(await disks.readText(path)).toBeUndefined();
    await disks.writeText({ path, text: 'one', mode: 0o644 });
    const second = disks.writeText({ path, text: 'two', mode: 0o644 });
    await expect(second).rejects.toMatchObject({ reason: 'ALREADY_EXISTS' });
    expect(await disks.readText(path)).toBe('one');
  });

  it.each(['qcow2', 'raw'] as const)(
    'makes, describes, grows and removes an empty %s',
    async (format) => {
      const path = at(`disk.${format}`);
      expect(await disks.info({ path, format })).toBeUndefined();
      await disks.create({ path, format, virtualBytes: gib });
      expect(await disks.info({ path, format })).toMatchObject({
        virtualBytes: gib,
        backingPath: undefined,
      });
      expect((await disks.stat(path))?.allocatedBytes).toBeLessThan(mib);
      const again = disks.create({ path, format, virtualBytes: 2 * gib });
      await expect(again).rejects.toMatchObject({ reason: 'ALREADY_EXISTS' });
      await disks.resize({ path, format, virtualBytes: 3 * gib });
      await disks.resize({ path, format, virtualBytes: 3 * gib });
      expect((await disks.info({ path, format }))?.virtualBytes).toBe(3 * gib);
      const shrink = disks.resize({ path, format, virtualBytes: gib });
      await expect(shrink).rejects.toMatchObject({ reason: 'WOULD_SHRINK' });
      expect(await disks.list(host.directory)).toEqual([`disk.${format}`]);
      await disks.remove(path);
      await disks.remove(path);
      expect(await disks.list(host.directory)).toEqual([]);
    },
  );

  it('says that a disk or its directory is not there', async () => {
    const nowhere = { path: at('no/disk'), format: 'qcow2', virtualBytes: gib } as const;
    await expect(disks.create(nowhere)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    await expect(disks.resize(nowhere)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    const source = { path: at('gone'), format: 'qcow2' } as const;
    const clone = disks.clone({ ...nowhere, path: at('disk'), source, method: 'backing' });
    await expect(clone).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(await disks.list(host.directory)).toEqual([]);
  });

  it.each(['qcow2', 'raw'] as const)('clones a %s by backing file', async (format) => {
    const source = { path: at('image'), format };
    await disks.create({ ...source, virtualBytes: gib });
    const clone = { path: at('disk'), format: 'qcow2', source, method: 'backing' } as const;
    const small = disks.clone({ ...clone, virtualBytes: mib });
    await expect(small).rejects.toMatchObject({ reason: 'WOULD_SHRINK' });
    await disks.clone({ ...clone, virtualBytes: 2 * gib });
    expect(await disks.info(clone)).toMatchObject({
      virtualBytes: 2 * gib,
      backingPath: source.path,
    });
  });

  it.each(['qcow2', 'raw'] as const)(
    'clones a %s by sharing blocks, or says it can not',
    async (format) => {
      const source = { path: at('image'), format };
      await disks.create({ ...source, virtualBytes: gib });
      const clone = {
        path: at('disk'),
        format,
        source,
        method: 'reflink',
        virtualBytes: 2 * gib,
      } as const;
      if (!(await disks.supportsReflink(host.directory))) {
        await expect(disks.clone(clone)).rejects.toMatchObject({ reason: 'NOT_SUPPORTED' });
        expect(await disks.list(host.directory)).toEqual(['image']);
        return;
      }
      await disks.clone(clone);
      const info = { virtualBytes: 2 * gib, backingPath: undefined };
      expect(await disks.info(clone)).toMatchObject(info);
      expect((await disks.info(source))?.virtualBytes).toBe(gib);
    },
  );

  it('receives a file, reports progress, and is done when asked again', async () => {
    const path = at('image');
    const progress: number[] = [];
    await disks.receive(reception(path, { onProgress: (bytes) => progress.push(bytes) }));
    expect(progress[0]).toBe(0);
    expect(progress.at(-1)).toBe(image.length);
    expect(await disks.list(host.directory)).toEqual(['image']);
    expect(await disks.info({ path, format: 'qcow2' })).toMatchObject({ virtualBytes: gib });
    const open = () => {
      throw new Error('must not be read again');
    };
    await disks.receive(reception(path, { open }));
  });

  it('goes on where a reception broke off', async () => {
    const path = at('image');
    const first = reception(path, { open: () => breakingAfter(2, image) });
    await expect(disks.receive(first)).rejects.toThrow('the line broke');
    const short = reception(path, { open: (offset) => pieces(image.subarray(offset, 150_000)) });
    await expect(disks.receive(short)).rejects.toMatchObject({ reason: 'IO_ERROR' });
    expect(await disks.list(host.directory)).toEqual(['image.part']);
    let from = 0;
    const open = (offset: number) => {
      from = offset;
      return pieces(image.subarray(offset));
    };
    await disks.receive(reception(path, { open }));
    expect(from).toBe(150_000);
    expect(await disks.list(host.directory)).toEqual(['image']);
  });

  it('keeps nothing of content that is not as promised', async () => {
    const wrong = reception(at('image'), { sha256: '0'.repeat(64) });
    await expect(disks.receive(wrong)).rejects.toMatchObject({ reason: 'CHECKSUM_MISMATCH' });
    const short = reception(at('image'), { sizeBytes: 60_000 });
    await expect(disks.receive(short)).rejects.toMatchObject({ reason: 'CHECKSUM_MISMATCH' });
    expect(await disks.list(host.directory)).toEqual([]);
  });

  it('stops a reception that is called off, and keeps what has arrived', async () => {
    const caller = new AbortController();
    const onProgress = (bytes: number) => {
      if (bytes >= 100_000) caller.abort();
    };
    const called = reception(at('image'), { signal: caller.signal, onProgress });
    await expect(disks.receive(called)).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(await disks.list(host.directory)).toEqual(['image.part']);
    await disks.remove(at('image'));
    expect(await disks.list(host.directory)).toEqual([]);
  });
});

const onRealFiles = hasQemuImg ? describe : describe.skip;

onRealFiles('real disk files, with QEMU as the judge', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'limiquantix-qemu-'));
  });
  afterEach(() => rmSync(scratch, { recursive: true }));

  it.each([mib, gib + 512, 64 * 1024 * gib])(
    'writes a qcow2 of %d bytes that passes its check',
    (virtualBytes) => {
      const path = join(scratch, 'disk.qcow2');
      writeFileSync(path, encodeEmptyQcow2({ virtualBytes }));
      execFileSync('qemu-img', ['check', '-q', '-f', 'qcow2', path]);
      expect(qemuInfo(path)['virtual-size']).toBe(virtualBytes);
    },
  );

  it('reads sizes and backing file as QEMU does', async () => {
    const disks = new HostDiskImages();
    const source = { path: join(scratch, 'image'), format: 'qcow2' } as const;
    writeFileSync(source.path, image);
    const clone = { path: join(scratch, 'disk.qcow2'), format: 'qcow2', source } as const;
    await disks.clone({ ...clone, method: 'backing', virtualBytes: 2 * gib });
    const facts = qemuInfo(clone.path);
    expect(await disks.info(clone)).toEqual({
      virtualBytes: facts['virtual-size'],
      allocatedBytes: facts['actual-size'],
      backingPath: facts['full-backing-filename'],
    });
    expect(facts['backing-filename-format']).toBe('qcow2');
  });

  it('takes away what killed processes left of a disk, when it is made and when it goes', async () => {
    const disks = new HostDiskImages();
    const disk = { path: join(scratch, 'disk.qcow2'), format: 'qcow2' } as const;
    const leave = () => writeFileSync(`${disk.path}.part.4711-1`, 'half of it');
    leave();
    await disks.create({ ...disk, virtualBytes: gib });
    expect(await disks.list(scratch)).toEqual(['disk.qcow2']);
    leave();
    await disks.remove(disk.path);
    expect(await disks.list(scratch)).toEqual([]);
  });

  it('makes one whole disk when several make it at once', async () => {
    const disk = { path: join(scratch, 'disk.qcow2'), format: 'qcow2' } as const;
    const makers = Array.from({ length: 4 }, () => new HostDiskImages());
    const outcomes = await Promise.allSettled(
      makers.map((disks) => disks.create({ ...disk, virtualBytes: gib })),
    );
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    execFileSync('qemu-img', ['check', '-q', '-f', 'qcow2', disk.path]);
    const [first] = makers;
    expect(await first?.list(scratch)).toEqual(['disk.qcow2']);
  });

  it('does not resize a disk that another process has open, but describes it', async () => {
    const disks = new HostDiskImages();
    const disk = { path: join(scratch, 'disk.qcow2'), format: 'qcow2' } as const;
    await disks.create({ ...disk, virtualBytes: gib });
    const other = spawn('qemu-io', ['-f', 'qcow2', disk.path], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      await once(other.stdout, 'data');
      const resize = disks.resize({ ...disk, virtualBytes: 2 * gib });
      await expect(resize).rejects.toMatchObject({ reason: 'DISK_IN_USE', retryable: true });
      expect((await disks.info(disk))?.virtualBytes).toBe(gib);
    } finally {
      other.stdin.end();
      await once(other, 'exit');
    }
  });

  it('says that a damaged disk is damaged, without and with the tool', async () => {
    const disks = new HostDiskImages();
    const disk = { path: join(scratch, 'disk.qcow2'), format: 'qcow2' } as const;
    writeFileSync(disk.path, 'QFI, but no more');
    await expect(disks.info(disk)).rejects.toMatchObject({ reason: 'DISK_CORRUPT' });
    writeFileSync(disk.path, encodeEmptyQcow2({ virtualBytes: gib }));
    truncateSync(disk.path, 110);
    await expect(disks.resize({ ...disk, virtualBytes: 2 * gib })).rejects.toMatchObject({
      name: 'DiskImageError',
    });
  });
});

function qemuInfo(path: string): Record<string, unknown> {
  const text = execFileSync('qemu-img', ['info', '--output=json', path], { encoding: 'utf8' });
  return JSON.parse(text) as Record<string, unknown>;
}
