/**
 * A volume on its node: one disk file in its pool's directory, made empty or as a clone of a
 * cached image, grown in place, and removed only when its deletion was requested and no machine
 * has it. A file that vanished is reported, never made anew.
 */
import { Code } from '@connectrpc/connect';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import { ImageFormat } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume, VolumeStatus } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { type BackendObject, foreignObject, ownObject } from '../../decide/backend-object.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsDataRemoval,
  SupportsInventory,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { LimiError } from '../../resource/error.js';
import type { ResourceKey } from '../../resource/resource.js';
import type { DiskFormat, DiskImages } from '../../wire/disk-image/api.js';
import { isDiskImageError } from '../../wire/disk-image/errors.js';
import { naming } from './fault.js';
import {
  cachedImagePath,
  layoutOf,
  type PoolLayout,
  parseVolumeName,
  volumeFileOf,
} from './layout.js';
import { readClaim } from './marker.js';
import type { PoolRegister } from './pool-register.js';
import { diffVolume, type VolumeAction, type VolumeObserved, wantedBytes } from './volume-plan.js';

/** Who uses volumes on the node: the hypervisor's side. */
export interface VolumeUsage {
  /** Whether a running machine has the volume open. */
  isInUse(volumeId: string): Promise<boolean> | boolean;
  /** Whether any machine on the node, running or not, has it; without this, `isInUse` tells. */
  isAttached?(volumeId: string): Promise<boolean> | boolean;
  /** Grows the volume from within the machine that uses it; resolves when the file has grown. */
  growOnline?(volumeId: string, sizeBytes: bigint): Promise<void>;
}

/** What the driver works with. */
export interface DirectoryVolumeOptions {
  readonly nodeId: string;
  readonly disks: DiskImages;
  readonly usage: VolumeUsage;
  /** The pools that are on the node. */
  readonly pools: Pick<PoolRegister, 'places'>;
}

/** The driver for `volume` on a node, for pools in directories. */
export class DirectoryVolumeDriver
  implements
    Driver<Volume, VolumeObserved, VolumeAction, VolumeStatus>,
    SupportsTriggers,
    SupportsInventory,
    SupportsDataRemoval
{
  readonly type = 'volume';
  readonly runsOn = 'node';
  readonly #options: DirectoryVolumeOptions;

  constructor(options: DirectoryVolumeOptions) {
    this.#options = options;
  }

  observe(volume: Volume, lookup: Lookup): Promise<VolumeObserved> {
    return naming('looking at the volume', async () => {
      const { disks, usage } = this.#options;
      const layout = await this.#readyPool(volume, lookup);
      if (layout === undefined) return { kind: 'no-pool' };
      for (const format of ['qcow2', 'raw'] as const) {
        const file = volumeFileOf(layout, volume.id, format);
        const info = await disks.info(file).catch(asDamaged);
        if (info === undefined) continue;
        if (info === 'damaged') return { kind: 'damaged', format };
        const { virtualBytes, allocatedBytes } = info;
        const isShort = BigInt(virtualBytes) < wantedBytes(volume);
        const inUse = isShort && (await usage.isInUse(volume.id));
        const growth = inUse ? (usage.growOnline ? 'online' : 'none') : 'offline';
        return { kind: 'made', format, virtualBytes, allocatedBytes, growth };
      }
      const reflink = await disks.supportsReflink(layout.volumesPath);
      return { kind: 'missing', reflink, image: await this.#cachedImage(volume, layout, lookup) };
    });
  }

  diff(
    volume: Volume,
    observed: VolumeObserved,
    lookup: Lookup,
  ): Difference<VolumeAction, VolumeStatus> {
    return diffVolume(volume, observed, lookup);
  }

  apply(volume: Volume, action: VolumeAction, lookup: Lookup): Promise<void> {
    const what = action.kind === 'grow' || action.kind === 'grow-online' ? 'growing' : 'making';
    return naming(`${what} the volume`, async () => {
      const { disks, usage } = this.#options;
      const layout = poolLayoutOf(volume, lookup);
      if (layout === undefined) return;
      const { format, virtualBytes } = action;
      const disk = { ...volumeFileOf(layout, volume.id, format), virtualBytes };
      switch (action.kind) {
        case 'create':
          return await disks.create(disk);
        case 'clone': {
          const source = {
            path: cachedImagePath(layout, action.imageId),
            format: action.imageFormat,
          };
          return await disks.clone({ ...disk, source, method: action.method });
        }
        case 'grow':
          return await disks.resize(disk);
        case 'grow-online':
          return await usage.growOnline?.(volume.id, BigInt(virtualBytes));
      }
    });
  }

  remove(volume: Volume, lookup: Lookup): Promise<Removal> {
    return naming('removing the volume', async () => {
      if (volume.deletionRequestedAt === undefined) throw notRequested();
      const { disks, usage } = this.#options;
      const isAttached = await (usage.isAttached?.(volume.id) ?? usage.isInUse(volume.id));
      if (isAttached) return { gone: false, waitingFor: 'the machine that uses it to let it go' };
      const pool = poolOf(volume, lookup);
      if (pool !== undefined && layoutOf(pool) === undefined) return { gone: true };
      const layout = await this.#readyPool(volume, lookup);
      if (layout === undefined) {
        return { gone: false, waitingFor: 'its storage pool to be there on its node' };
      }
      for (const format of ['qcow2', 'raw'] as const) {
        await disks.remove(volumeFileOf(layout, volume.id, format).path);
      }
      return { gone: true };
    });
  }

  triggers({ key, resource, previous }: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    if (!['storage_pool', 'image', 'vm'].includes(key.type)) return [];
    const { nodeId } = this.#options;
    if (key.type === 'storage_pool') {
      const isReady = (pool?: StoragePool) => pool?.status?.nodes[nodeId]?.ready === true;
      if (isReady(resource as StoragePool) === isReady(previous as StoragePool)) return [];
    }
    if (key.type === 'image') {
      const wordOf = (image?: Image) =>
        `${image?.status?.phase} ${image?.status?.nodes[nodeId]?.ready}`;
      if (wordOf(resource as Image) === wordOf(previous as Image)) return [];
    }
    return lookup
      .referrers<Volume>('volume', key.id)
      .map((volume) => ({ type: 'volume', id: volume.id }));
  }

  async inventory(): Promise<readonly BackendObject[]> {
    const { disks, pools } = this.#options;
    const objects: BackendObject[] = [];
    for (const { layout } of await pools.places()) {
      const { volumesPath } = layout;
      for (const file of await disks.list(volumesPath)) {
        const own = parseVolumeName(file);
        const name = `${volumesPath}/${file}`;
        const named = { backend: 'directory', kind: 'volume file', name };
        if (own === undefined) objects.push(foreignObject(named));
        else {
          const detail = own.isPart ? 'never completed' : '';
          const holdsData = !own.isPart;
          objects.push(ownObject({ ...named, type: 'volume', id: own.id, detail, holdsData }));
        }
      }
    }
    return objects;
  }

  /** Removes the file of a volume that doesn't exist, unless a machine still has it. */
  async removeData(id: string): Promise<void> {
    await naming('removing the file of a volume that does not exist', async () => {
      const { disks, pools, usage } = this.#options;
      if (await (usage.isAttached?.(id) ?? usage.isInUse(id))) throw stillAttached();
      for (const { layout } of await pools.places()) {
        for (const format of ['qcow2', 'raw'] as const) {
          await disks.remove(volumeFileOf(layout, id, format).path);
        }
      }
    });
  }

  /** The pool's layout, if its directory is there and carries its marker. */
  async #readyPool(volume: Volume, lookup: Lookup): Promise<PoolLayout | undefined> {
    const pool = poolOf(volume, lookup);
    const layout = pool === undefined ? undefined : layoutOf(pool);
    if (pool === undefined || layout === undefined) return undefined;
    const { disks } = this.#options;
    const claim = await readClaim(disks, layout, pool.id);
    if (claim.kind !== 'ours') return undefined;
    return (await disks.stat(layout.volumesPath)) === undefined ? undefined : layout;
  }

  async #cachedImage(
    volume: Volume,
    layout: PoolLayout,
    lookup: Lookup,
  ): Promise<{ readonly format: DiskFormat; readonly virtualBytes: number } | undefined> {
    const source = volume.spec?.source?.source;
    if (source?.case !== 'imageId') return undefined;
    const image = lookup.get<Image>('image', source.value);
    const path = cachedImagePath(layout, source.value);
    const format = image?.status?.format === ImageFormat.RAW ? 'raw' : 'qcow2';
    if (image?.status?.format === undefined || image.status.format === ImageFormat.UNSPECIFIED) {
      return undefined;
    }
    const info = await this.#options.disks.info({ path, format });
    return info === undefined ? undefined : { format, virtualBytes: info.virtualBytes };
  }
}

function poolOf(volume: Volume, lookup: Lookup): StoragePool | undefined {
  return lookup.get<StoragePool>('storage_pool', volume.spec?.poolId ?? '');
}

function poolLayoutOf(volume: Volume, lookup: Lookup): PoolLayout | undefined {
  const pool = poolOf(volume, lookup);
  return pool === undefined ? undefined : layoutOf(pool);
}

function asDamaged(error: unknown): 'damaged' {
  if (isDiskImageError(error, 'DISK_CORRUPT')) return 'damaged';
  throw error;
}

const stillAttached = (): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STILL_ATTACHED',
    message: 'a machine still has the file of a volume that does not exist; remove that first',
  });

function notRequested(): LimiError {
  return new LimiError({
    code: Code.Internal,
    reason: 'DELETION_NOT_REQUESTED',
    message: 'the volume stays: nobody has requested its deletion',
  });
}
