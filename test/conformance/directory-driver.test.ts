/**
 * The directory drivers on every kind of disk files: applying twice is applying once, a fault at
 * any step is recovered from, removal is complete and repeatable, and what happens outside is
 * seen.
 */

import { join } from 'node:path';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import {
  cloneId,
  DirectoryWorld,
  emptyId,
  type Fault,
  faulty,
  gib,
  imageContent,
  imageId,
  nodeId,
  poolId,
} from './directory-world.js';
import { type DiskHost, diskHosts } from './disk-hosts.js';
import { hasQemuImg } from './real-files.js';

/** A life with a fault at each step is many lives, on real files with many flushes. */
const faultsTimeoutMs = 120_000;
const otherId = '00000000-0000-7000-8000-0000000000ff';

function addAll(world: DirectoryWorld): void {
  world.addPool();
  world.addImage();
  world.addVolume(emptyId, 1n);
  world.addVolume(cloneId, 2n, true);
}

async function filesOf(world: DirectoryWorld): Promise<string[]> {
  const under = async (name: string) =>
    (await world.disks.list(join(world.poolPath, name))).map((file) => `${name}/${file}`);
  return [...(await under('volumes')), ...(await under('images'))];
}

/** A life: made, grown, removed. Returns the files at its fullest. */
async function live(world: DirectoryWorld): Promise<string[]> {
  addAll(world);
  await world.settle();
  world.resizeVolume(cloneId, 4n);
  await world.settle();
  expect(world.volume(cloneId).status?.sizeBytes).toBe(BigInt(4 * gib));
  const files = await filesOf(world);
  for (const id of [emptyId, cloneId]) world.requestDeletion('volume', id);
  await world.settle();
  world.requestDeletion('image', imageId);
  await world.settle();
  world.requestDeletion('storage_pool', poolId);
  await world.settle();
  return files;
}

if (!hasQemuImg) {
  test.skip('directory drivers on real files: qemu-img is not installed', () => undefined);
}

describe.each(diskHosts)('directory drivers with disk files %s', (_, makeHost) => {
  let host: DiskHost;
  let world: DirectoryWorld;
  beforeEach(() => {
    host = makeHost();
    world = new DirectoryWorld(host.disks, host.directory);
  });
  afterEach(async () => {
    await world.restart();
    host.close();
  });

  const isReflink = () => host.disks.supportsReflink(join(world.poolPath, 'volumes'));

  it('makes pool, cache and volumes, and does nothing the second time', async () => {
    addAll(world);
    await world.settle();
    expect(world.errors).toEqual([]);
    const pool = world.get<StoragePool>('storage_pool', poolId)?.status?.nodes[nodeId];
    expect(pool).toMatchObject({ ready: true, message: '', reflink: await isReflink() });
    expect(pool?.availableBytes).toBeGreaterThan(0n);
    const image = world.get<Image>('image', imageId)?.status?.nodes[nodeId];
    const receivedBytes = BigInt(imageContent.length);
    expect(image).toMatchObject({ ready: true, receivedBytes, message: '' });
    expect(world.volume(cloneId).status).toMatchObject({
      provisioned: true,
      sizeBytes: BigInt(2 * gib),
      format: 'qcow2',
      nodeMessage: '',
      nodeFailed: false,
    });
    const files = await filesOf(world);
    expect(files).toEqual([
      `volumes/${emptyId}.qcow2`,
      `volumes/${cloneId}.qcow2`,
      `images/${imageId}`,
    ]);
    const clone = {
      path: join(world.poolPath, 'volumes', `${cloneId}.qcow2`),
      format: 'qcow2',
    } as const;
    const backingPath = (await isReflink()) ? undefined : join(world.poolPath, 'images', imageId);
    expect((await world.disks.info(clone))?.backingPath).toBe(backingPath);
    await world.restart();
    await world.settle();
    expect(await filesOf(world)).toEqual(files);
    expect(world.surroundings.reads).toEqual([0]);
  });

  it('fetches an image once, however many volumes wait for it', async () => {
    addAll(world);
    for (const digit of ['1', '2', '3']) {
      world.addVolume(`00000000-0000-7000-8000-00000000001${digit}`, 1n, true);
    }
    await world.settle();
    expect(world.errors).toEqual([]);
    expect(world.surroundings.reads).toEqual([0]);
    expect(await filesOf(world)).toHaveLength(6);
  });

  it('leaves nothing behind, and is done when all is gone already', async () => {
    await live(world);
    expect(world.errors).toEqual([]);
    expect(await host.disks.list(host.directory)).toEqual([]);
    addAll(world);
    for (const id of [emptyId, cloneId]) world.requestDeletion('volume', id);
    world.requestDeletion('image', imageId);
    world.requestDeletion('storage_pool', poolId);
    await world.settle();
    expect(world.list('image')).toEqual([]);
    expect(world.list('storage_pool')).toEqual([]);
  });

  it('never makes a volume anew whose content is gone, and takes it back when it is', async () => {
    addAll(world);
    await world.settle();
    const path = join(world.poolPath, 'volumes', `${cloneId}.qcow2`);
    await host.disks.remove(path);
    await world.settle();
    await world.restart();
    await world.settle();
    expect(await host.disks.stat(path)).toBeUndefined();
    expect(world.volume(cloneId).status).toMatchObject({
      provisioned: false,
      nodeFailed: true,
      nodeMessage: expect.stringContaining('content is gone'),
    });
    await host.disks.create({ path, format: 'qcow2', virtualBytes: 2 * gib });
    await world.settle();
    expect(world.volume(cloneId).status).toMatchObject({ provisioned: true, nodeFailed: false });
    await host.disks.remove(path);
    world.requestDeletion('volume', cloneId);
    await world.settle();
    expect(world.list('volume')).toHaveLength(1);
  });

  it('takes a directory without its marker for a filesystem that is not mounted', async () => {
    addAll(world);
    await world.settle();
    await host.disks.remove(join(world.poolPath, '.limiquantix-pool'));
    await world.settle();
    const pool = world.get<StoragePool>('storage_pool', poolId)?.status?.nodes[nodeId];
    expect(pool).toMatchObject({ ready: false, message: expect.stringContaining('mounted') });
    expect(world.volume(cloneId).status).toMatchObject({
      provisioned: false,
      nodeFailed: false,
      nodeMessage: 'waits for storage pool local on its node',
    });
    world.requestDeletion('volume', cloneId);
    await world.settle();
    expect(world.list('volume')).toHaveLength(2);
  });

  it('refuses the directory of another pool', async () => {
    world.addPool();
    await world.settle();
    const other = new DirectoryWorld(host.disks, host.directory);
    other.addPool(otherId);
    await other.settle();
    expect(other.get<StoragePool>('storage_pool', otherId)?.status?.nodes[nodeId]).toMatchObject({
      ready: false,
      message: expect.stringContaining(poolId),
    });
    other.requestDeletion('storage_pool', otherId);
    await other.settle();
    expect(other.list('storage_pool')).toEqual([]);
    await world.settle();
    expect(world.get<StoragePool>('storage_pool', poolId)?.status?.nodes[nodeId]?.ready).toBe(true);
  });

  it('grows a volume in use through its machine, and keeps it until the machine lets go', async () => {
    addAll(world);
    await world.settle();
    world.surroundings.inUse.add(cloneId);
    world.resizeVolume(cloneId, 3n);
    await world.settle();
    expect(world.volume(cloneId).status?.sizeBytes).toBe(BigInt(3 * gib));
    world.requestDeletion('volume', cloneId);
    await world.settle();
    expect(world.list('volume')).toHaveLength(2);
    world.surroundings.inUse.clear();
    await world.settle();
    expect(world.list('volume')).toHaveLength(1);
  });

  it('says which size a volume needs that is smaller than its image', async () => {
    addAll(world);
    world.resizeVolume(cloneId, 0n);
    await world.settle();
    expect(world.volume(cloneId).status).toMatchObject({
      nodeFailed: true,
      nodeMessage: 'is smaller than its image; give 1 GiB or more',
    });
  });

  it('keeps nothing of an image that arrives damaged, and goes on when it arrives whole', async () => {
    addAll(world);
    world.surroundings.content = imageContent.slice().fill(1, 200_000);
    await world.settle();
    expect((await filesOf(world)).filter((name) => name.startsWith('images/'))).toEqual([]);
    expect(world.get<Image>('image', imageId)?.status?.nodes[nodeId]).toMatchObject({
      ready: false,
      message: expect.stringContaining('SHA-256'),
    });
    expect(world.volume(cloneId).status?.nodeMessage).toBe('waits for image debian on its node');
    world.surroundings.content = imageContent;
    world.clock.advance(60_000);
    await world.settle();
    expect(world.volume(cloneId).status?.provisioned).toBe(true);
  });

  it('goes on with an image where a killed agent broke off', async () => {
    world.addPool();
    await world.settle();
    const broken = world.disks.receive({
      path: join(world.poolPath, 'images', imageId),
      open: async function* () {
        yield imageContent.subarray(0, 65_536);
        throw new Error('killed');
      },
      sizeBytes: imageContent.length,
      sha256: '',
      mode: 0o644,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    await expect(broken).rejects.toThrow('killed');
    addAll(world);
    await world.settle();
    expect(world.surroundings.reads).toEqual([65_536]);
    expect(world.volume(cloneId).status?.provisioned).toBe(true);
    expect(await filesOf(world)).toContain(`images/${imageId}`);
  });

  it('drops what was fetched of an image that is no longer wanted', async () => {
    addAll(world);
    world.surroundings.content = imageContent.subarray(0, 100_000);
    await world.settle();
    expect(await filesOf(world)).toContain(`images/${imageId}.part`);
    world.requestDeletion('volume', cloneId);
    await world.settle();
    expect(await filesOf(world)).toEqual([`volumes/${emptyId}.qcow2`]);
    expect(world.get<Image>('image', imageId)?.status?.nodes).toEqual({});
  });

  it('keeps an image that a volume builds on, even when nobody knows either', async () => {
    addAll(world);
    await world.settle();
    world.requestDeletion('image', imageId);
    await world.settle();
    const path = join(world.poolPath, 'images', imageId);
    const isKept = (await host.disks.stat(path)) !== undefined;
    expect(isKept).toBe(!(await isReflink()));
  });

  it.each(['before', 'after'] as const)(
    'recovers from a fault %s each step takes effect',
    async (when) => {
      const expected = [
        `volumes/${emptyId}.qcow2`,
        `volumes/${cloneId}.qcow2`,
        `images/${imageId}`,
      ];
      let steps = 0;
      for (let call = 1, hits = true; hits; call += 1) {
        const own = makeHost();
        const fault: Fault = { call, when };
        const { disks, calls } = faulty(own.disks, fault);
        const one = new DirectoryWorld(disks, own.directory);
        expect(await live(one)).toEqual(expected);
        const left = await own.disks.list(one.poolPath);
        expect({ fault, left, records: one.list('volume') }).toEqual({
          fault,
          left: [],
          records: [],
        });
        hits = calls() >= call;
        expect(one.errors.length).toBe(hits ? 1 : 0);
        steps = call;
        own.close();
      }
      expect(steps).toBeGreaterThan(12);
    },
    faultsTimeoutMs,
  );
});
