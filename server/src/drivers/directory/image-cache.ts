/**
 * Images on a node: each is fetched once into every pool that has a volume made from it, verified
 * by its SHA-256 before anything sees it, and kept until the image is deleted. Fetching goes on
 * in the background; a file that volumes build on is never removed.
 */
import { Code } from '@connectrpc/connect';
import type { Image, ImageStatus } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { type BackendObject, foreignObject, ownObject } from '../../decide/backend-object.js';
import type { Clock } from '../../reconcile/clock.js';
import type {
  Difference,
  Driver,
  Lookup,
  Poke,
  Removal,
  SupportsInventory,
  SupportsStrayRemoval,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { LimiError } from '../../resource/error.js';
import type { ResourceKey } from '../../resource/resource.js';
import { type DiskImages, partSuffix } from '../../wire/disk-image/api.js';
import { isDiskImageError } from '../../wire/disk-image/errors.js';
import { type TransferContext, Transfers } from '../transfers.js';
import { asLimiError, naming } from './fault.js';
import { type CachedImage, diffImage, type ImageCacheAction } from './image-plan.js';
import {
  cachedImagePath,
  imageMode,
  layoutOf,
  type PoolLayout,
  parseImageName,
  parseVolumeName,
} from './layout.js';
import { readClaim } from './marker.js';
import type { PoolRegister } from './pool-register.js';

/** Where a node gets images from. */
export interface ImageSource {
  /** The content's bytes from an offset on. Ends with an error when `signal` aborts. */
  read(imageId: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What the driver works with. */
export interface ImageCacheOptions {
  readonly nodeId: string;
  readonly disks: DiskImages;
  /** The pools that are on the node. */
  readonly pools: Pick<PoolRegister, 'places'>;
  readonly source: ImageSource;
  readonly poke: Poke;
  readonly clock: Clock;
  /** The node's view: it tells which pools there are and who waits for an image. */
  readonly lookup: Lookup;
  /** Fetches at once. */
  readonly fetchesMax?: number;
}

const fetchesMaxDefault = 2;

/** The driver for `image` on a node. */
export class ImageCacheDriver
  implements
    Driver<Image, readonly CachedImage[], ImageCacheAction, ImageStatus>,
    SupportsTriggers,
    SupportsInventory,
    SupportsStrayRemoval
{
  readonly type = 'image';
  readonly runsOn = 'node';
  readonly observesForLoopOnly = true;
  readonly #options: ImageCacheOptions;
  readonly #fetches: Transfers;

  constructor(options: ImageCacheOptions) {
    this.#options = options;
    this.#fetches = new Transfers({
      clock: options.clock,
      concurrencyMax: options.fetchesMax ?? fetchesMaxDefault,
      onEnd: (name) => this.#ended(name),
    });
  }

  observe(image: Image, lookup: Lookup): Promise<readonly CachedImage[]> {
    return naming('looking for the image on its node', async () => {
      const wanted = this.#poolsThatWant(image, lookup);
      const found: CachedImage[] = [];
      for (const pool of lookup.list<StoragePool>('storage_pool')) {
        const layout = layoutOf(pool);
        if (layout === undefined) continue;
        const name = nameOf(pool.id, image.id);
        const failure = this.#fetches.takeFailure(name);
        if (failure !== undefined) throw asLimiError('fetching the image', failure);
        found.push({
          poolId: pool.id,
          poolName: pool.name,
          isWanted: wanted.has(pool.id),
          state: await this.#stateOf(image.id, pool, layout),
          transfer: this.#fetches.state(name),
          isDue: this.#fetches.isDue(name),
        });
      }
      return found;
    });
  }

  diff(
    image: Image,
    observed: readonly CachedImage[],
    lookup: Lookup,
  ): Difference<ImageCacheAction, ImageStatus> {
    return diffImage(image, observed, { nodeId: this.#options.nodeId, nowMs: lookup.nowMs() });
  }

  async apply(image: Image, { kind, poolId }: ImageCacheAction, lookup: Lookup): Promise<void> {
    const pool = lookup.get<StoragePool>('storage_pool', poolId);
    const layout = pool === undefined ? undefined : layoutOf(pool);
    const name = nameOf(poolId, image.id);
    if (kind === 'drop') await this.#fetches.forget(name);
    if (layout === undefined) return;
    if (kind === 'fetch') {
      this.#fetches.start(name, (context) => this.#fetch(image, layout, context));
      return;
    }
    const { disks } = this.#options;
    const path = cachedImagePath(layout, image.id);
    await naming('dropping the image', async () => {
      // Only what never was completed: volumes may build on what was.
      if ((await disks.stat(path)) === undefined) await disks.remove(path);
    });
  }

  remove(image: Image, lookup: Lookup): Promise<Removal> {
    return naming('removing the image from its node', async () => {
      let users = 0;
      for (const pool of lookup.list<StoragePool>('storage_pool')) {
        users += await this.#removeFrom(pool, image.id);
      }
      if (users === 0) return { gone: true };
      return { gone: false, waitingFor: `${users} volumes on its node that build on it` };
    });
  }

  triggers({ key, resource, previous }: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    if (key.type === 'volume') {
      const volume = (resource ?? previous) as Volume | undefined;
      const imageId = volume === undefined ? undefined : imageIdOf(volume);
      const isSame = placeOf(resource as Volume) === placeOf(previous as Volume);
      return imageId === undefined || isSame ? [] : [{ type: 'image', id: imageId }];
    }
    if (key.type !== 'storage_pool') return [];
    const isReady = (pool?: StoragePool) =>
      pool?.status?.nodes[this.#options.nodeId]?.ready === true;
    if (isReady(resource as StoragePool) === isReady(previous as StoragePool)) return [];
    return lookup.list('image').map(({ id }) => ({ type: 'image', id }));
  }

  async inventory(): Promise<readonly BackendObject[]> {
    const { disks, pools } = this.#options;
    const objects: BackendObject[] = [];
    for (const { layout } of await pools.places()) {
      for (const file of await disks.list(layout.imagesPath)) {
        const own = parseImageName(file);
        const name = `${layout.imagesPath}/${file}`;
        const named = { backend: 'directory', kind: 'cached image', name };
        const detail = own?.isPart === true ? 'never completed' : '';
        if (own === undefined) objects.push(foreignObject(named));
        else objects.push(ownObject({ ...named, type: 'image', id: own.id, detail }));
      }
    }
    return objects;
  }

  async removeStray(id: string): Promise<void> {
    for (const { poolId, layout } of await this.#options.pools.places()) {
      await naming('removing an image', async () => {
        await this.#fetches.forget(nameOf(poolId, id));
        await this.#removeAt(layout, id);
      });
    }
  }

  /** Calls off all fetches; what has arrived stays for the next start. */
  stop(): Promise<void> {
    return this.#fetches.stop();
  }

  async #fetch(image: Image, layout: PoolLayout, context: TransferContext): Promise<void> {
    const { disks, source } = this.#options;
    const { signal, onProgress } = context;
    const path = cachedImagePath(layout, image.id);
    const sizeBytes = Number(image.status?.sizeBytes ?? 0n);
    const part = await disks.stat(path + partSuffix);
    const { availableBytes } = await disks.space(layout.imagesPath);
    const neededBytes = sizeBytes - (part?.sizeBytes ?? 0);
    // Not left to the write that fails: until then, running machines would have no space either.
    if (neededBytes > availableBytes) throw noSpace(neededBytes, availableBytes);
    await disks.receive({
      path,
      open: (offset) => source.read(image.id, offset, signal),
      sizeBytes,
      sha256: image.status?.sha256 ?? '',
      mode: imageMode,
      signal,
      onProgress,
    });
  }

  /** Removes the image from a pool, unless volumes build on it; returns how many do. */
  async #removeFrom(pool: StoragePool, imageId: string): Promise<number> {
    const { disks } = this.#options;
    const layout = layoutOf(pool);
    await this.#fetches.forget(nameOf(pool.id, imageId));
    if (layout === undefined || (await readClaim(disks, layout, pool.id)).kind !== 'ours') return 0;
    return this.#removeAt(layout, imageId);
  }

  async #removeAt(layout: PoolLayout, imageId: string): Promise<number> {
    const { disks } = this.#options;
    const path = cachedImagePath(layout, imageId);
    const isThere = (await disks.stat(path)) !== undefined;
    const users = isThere ? await this.#usersOf(path, layout) : 0;
    if (users === 0) await disks.remove(path);
    return users;
  }

  async #usersOf(path: string, layout: PoolLayout): Promise<number> {
    let users = 0;
    for (const name of await this.#options.disks.list(layout.volumesPath)) {
      if (parseVolumeName(name) === undefined || !name.endsWith('.qcow2')) continue;
      const file = { path: `${layout.volumesPath}/${name}`, format: 'qcow2' } as const;
      const info = await this.#options.disks.info(file).catch((error: unknown) => {
        // What can't be read as a disk builds on nothing.
        if (isDiskImageError(error, 'DISK_CORRUPT')) return undefined;
        throw error;
      });
      if (info?.backingPath === path) users += 1;
    }
    return users;
  }

  async #stateOf(
    imageId: string,
    pool: StoragePool,
    layout: PoolLayout,
  ): Promise<CachedImage['state']> {
    const { disks } = this.#options;
    if ((await readClaim(disks, layout, pool.id)).kind !== 'ours') return 'no-pool';
    if ((await disks.stat(layout.imagesPath)) === undefined) return 'no-pool';
    const path = cachedImagePath(layout, imageId);
    if ((await disks.stat(path)) !== undefined) return 'complete';
    return (await disks.stat(path + partSuffix)) === undefined ? 'absent' : 'part';
  }

  #poolsThatWant(image: Image, lookup: Lookup): ReadonlySet<string> {
    const volumes = lookup
      .referrers<Volume>('volume', image.id)
      .filter(
        (volume) =>
          imageIdOf(volume) === image.id &&
          volume.status?.nodeId === this.#options.nodeId &&
          volume.deletionRequestedAt === undefined,
      );
    return new Set(volumes.map((volume) => volume.spec?.poolId ?? ''));
  }

  /** Wakes the image and, now that it may be there, the volumes that wait for it. */
  #ended(name: string): void {
    const { poke, lookup } = this.#options;
    const imageId = name.slice(name.indexOf('/') + 1);
    poke({ type: 'image', id: imageId });
    for (const { id } of lookup.referrers<Volume>('volume', imageId)) poke({ type: 'volume', id });
  }
}

function imageIdOf(volume: Volume): string | undefined {
  const source = volume.spec?.source?.source;
  return source?.case === 'imageId' ? source.value : undefined;
}

function noSpace(neededBytes: number, availableBytes: number): LimiError {
  return new LimiError({
    code: Code.ResourceExhausted,
    reason: 'NO_SPACE',
    message: `the image needs ${neededBytes} bytes and the pool has ${availableBytes}; free space on the node`,
    retryable: true,
  });
}

/** What of a volume decides whether its image is wanted here. */
function placeOf(volume: Volume | undefined): string {
  if (volume === undefined) return '';
  return `${volume.status?.nodeId} ${volume.deletionRequestedAt === undefined}`;
}

const nameOf = (poolId: string, imageId: string): string => `${poolId}/${imageId}`;
