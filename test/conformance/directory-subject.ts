/** The drivers of pools, volumes and images in directories as subjects of the drivers' suite. */
import { join } from 'node:path';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { DiskImages } from '../../server/src/wire/disk-image/api.js';
import {
  cloneId,
  DirectoryWorld,
  emptyId,
  type Fault,
  faulty,
  imageId,
  nodeId,
  poolId,
} from './directory-world.js';
import type { DiskHost } from './disk-hosts.js';
import type { StartedBench, Subject } from './driver-suite.js';

/** What is tried of the drivers in directories. */
export type DirectoryNoun = 'pool' | 'volume' | 'image';

/** Resources of one noun on a host's disk files; each subject has a directory of its own. */
export async function directoriesOn(
  noun: DirectoryNoun,
  makeHost: () => DiskHost,
): Promise<StartedBench> {
  return {
    async subject() {
      const host = makeHost();
      const own = subjectOf(noun, host);
      if (noun !== 'pool') await own.prepare();
      return {
        ...own,
        async end() {
          await own.end();
          host.close();
        },
      };
    },
    stop: async () => undefined,
  };
}

const transferRestMs = 60_000;

type Prepared = Subject & { prepare(): Promise<void> };

function subjectOf(noun: DirectoryNoun, host: DiskHost): Prepared {
  const fault: { -readonly [Key in keyof Fault]: Fault[Key] } = { call: 0, when: 'before' };
  const { disks, calls } = faulty(host.disks, fault);
  const world = new DirectoryWorld(disks, host.directory);
  world.stopsAtError = true;
  const { type, ids } = nouns[noun];
  const gone = (): readonly string[] => ids.filter((id) => world.get(type, id) === undefined);
  const prepare = async (): Promise<void> => {
    world.addPool();
    await world.settle();
  };
  const wanted = (): void => {
    if (noun === 'pool') world.addPool();
    else if (noun === 'volume') world.addVolume(emptyId, 1n);
    else {
      world.addImage();
      world.addVolume(cloneId, 2n, true);
    }
  };
  const remove = async (): Promise<void> => {
    if (gone().length > 0) wanted();
    // The copy of an image goes after the volumes that are made of it.
    for (const [kind, id] of nouns[noun].inOrder) {
      if (world.get(kind, id) === undefined) continue;
      world.requestDeletion(kind, id);
      await world.settle();
      if (world.get(kind, id) !== undefined) throw new Error(`${kind} is not removed`);
    }
  };
  return {
    prepare,
    async make() {
      if (gone().length > 0) wanted();
      await world.settle();
      if (noun !== 'image' || world.volume(cloneId).status?.provisioned === true) return;
      // A transfer that failed is tried again after a while.
      world.clock.advance(transferRestMs);
      throw new Error(`no copy: ${complaintOf(world, noun)}`);
    },
    remove,
    held: () => heldIn(host.disks, world.poolPath, noun),
    changes: calls,
    fail(given) {
      fault.call = given === undefined ? 0 : calls() + given.step;
      fault.when = given?.when ?? 'before';
    },
    restart: () => world.restart(),
    async rival() {
      const other = subjectOf(noun, { ...host, close: () => undefined });
      if (noun !== 'pool') await other.prepare();
      return other;
    },
    meddle: () => host.disks.remove(join(world.poolPath, nouns[noun].meddledPath)),
    complaint: () => complaintOf(world, noun),
    end: () => world.restart(),
  };
}

const nouns = {
  pool: {
    type: 'storage_pool',
    ids: [poolId],
    inOrder: [['storage_pool', poolId]],
    meddledPath: '.limiquantix-pool',
  },
  volume: {
    type: 'volume',
    ids: [emptyId],
    inOrder: [['volume', emptyId]],
    meddledPath: `volumes/${emptyId}.qcow2`,
  },
  image: {
    type: 'image',
    ids: [imageId],
    inOrder: [
      ['volume', cloneId],
      ['image', imageId],
    ],
    meddledPath: `images/${imageId}`,
  },
} as const;

async function heldIn(disks: DiskImages, pool: string, noun: DirectoryNoun): Promise<unknown> {
  const under = (name: string): Promise<readonly string[]> => disks.list(join(pool, name));
  const [top, volumes, images] = [
    await disks.list(pool),
    await under('volumes'),
    await under('images'),
  ];
  if (noun === 'pool') {
    const marker = await disks.readText(join(pool, nouns.pool.meddledPath));
    return top.length === 0
      ? undefined
      : { top, isWhole: marker?.endsWith('}\n') && !marker.endsWith('\n\n') };
  }
  if (volumes.length + images.length === 0) return undefined;
  const sizes: unknown[] = [];
  for (const name of volumes) {
    const info = await disks.info({ path: join(pool, 'volumes', name), format: 'qcow2' });
    sizes.push({ name, virtualBytes: info?.virtualBytes });
  }
  return { volumes: sizes, images };
}

function complaintOf(world: DirectoryWorld, noun: DirectoryNoun): string {
  if (noun === 'pool') {
    return world.get<StoragePool>('storage_pool', poolId)?.status?.nodes[nodeId]?.message ?? '';
  }
  if (noun === 'volume') return world.volume(emptyId).status?.nodeMessage ?? '';
  return world.get<Image>('image', imageId)?.status?.nodes[nodeId]?.message ?? '';
}
