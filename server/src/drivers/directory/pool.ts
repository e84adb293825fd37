/**
 * A storage pool on one node: a directory with a marker, made where it doesn't exist. It refuses
 * the directory of another pool, and one that has lost its marker while volumes were in it.
 * Removing it removes what is ours and nothing else.
 */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type PoolNodeStatus,
  PoolNodeStatusSchema,
  type StoragePool,
  type StoragePoolStatus,
  StoragePoolStatusSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { type BackendObject, ownObject } from '../../decide/backend-object.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsDataRemoval,
  SupportsInventory,
} from '../../reconcile/driver.js';
import { LimiError } from '../../resource/error.js';
import type { DiskImages, Space } from '../../wire/disk-image/api.js';
import { naming } from './fault.js';
import {
  cachedImagePath,
  directoryMode,
  layoutOf,
  type PoolLayout,
  parseImageName,
  parseVolumeName,
  volumeFileOf,
} from './layout.js';
import { type Claim, readClaim, writeMarker } from './marker.js';
import type { PoolRegister } from './pool-register.js';
import { wasMade } from './volume-history.js';

/** What the driver works with. */
export interface DirectoryPoolOptions {
  readonly nodeId: string;
  readonly disks: DiskImages;
  /** Where this node has made pools. */
  readonly pools: PoolRegister;
}

/** What there is of a pool on the node. */
export type PoolObserved =
  | { readonly kind: 'other-backend' }
  | { readonly kind: 'unclaimed' }
  | { readonly kind: 'foreign'; readonly poolId: string }
  | { readonly kind: 'incomplete' }
  | {
      readonly kind: 'complete';
      readonly space: Space;
      readonly reflink: boolean;
      /** Whether the node will find it without its record. */
      readonly isWritten: boolean;
    };

/** A step towards a usable pool. */
export type PoolAction =
  | { readonly kind: 'claim' }
  | { readonly kind: 'make-directories' }
  | { readonly kind: 'write-down' };

/** The space is measured this often. */
const refreshMs = 30_000;
/** The free space is reported anew when it has changed by this part of the whole. */
const reportedPart = 200n;

/** The driver for `storage_pool` on a node, for pools in directories. */
export class DirectoryPoolDriver
  implements
    Driver<StoragePool, PoolObserved, PoolAction, StoragePoolStatus>,
    SupportsInventory,
    SupportsDataRemoval
{
  readonly type = 'storage_pool';
  readonly runsOn = 'node';
  readonly #nodeId: string;
  readonly #disks: DiskImages;
  readonly #pools: PoolRegister;

  constructor(options: DirectoryPoolOptions) {
    this.#nodeId = options.nodeId;
    this.#disks = options.disks;
    this.#pools = options.pools;
  }

  observe(pool: StoragePool): Promise<PoolObserved> {
    return naming('looking at the pool on its node', async () => {
      const layout = layoutOf(pool);
      if (layout === undefined) return { kind: 'other-backend' };
      const claim = await readClaim(this.#disks, layout, pool.id);
      if (claim.kind !== 'ours') return claim;
      for (const directory of [layout.volumesPath, layout.imagesPath]) {
        if ((await this.#disks.stat(directory))?.kind !== 'directory')
          return { kind: 'incomplete' };
      }
      const space = await this.#disks.space(layout.volumesPath);
      const reflink = await this.#disks.supportsReflink(layout.volumesPath);
      const isWritten = await this.#pools.knows(pool.id);
      return { kind: 'complete', space, reflink, isWritten };
    });
  }

  diff(
    pool: StoragePool,
    observed: PoolObserved,
    lookup: Lookup,
  ): Difference<PoolAction, StoragePoolStatus> {
    const unready = (message: string) => this.#status({ message });
    if (observed.kind === 'other-backend') {
      return { actions: [], status: unready('this node has no driver for the pool') };
    }
    if (observed.kind === 'foreign') {
      const whose = observed.poolId === '' ? 'something else' : `storage pool ${observed.poolId}`;
      const message = `the directory belongs to ${whose}; give another one`;
      return { actions: [], status: unready(message), againAfterMs: refreshMs };
    }
    if (observed.kind === 'unclaimed') {
      const lost = this.#volumesMadeHere(pool, lookup);
      if (lost === 0) return { actions: [{ kind: 'claim' }], status: unready('is being made') };
      const message = `the directory has lost its marker and ${lost} volumes with it; see that its filesystem is mounted`;
      return { actions: [], status: unready(message), againAfterMs: refreshMs };
    }
    if (observed.kind === 'incomplete') {
      return { actions: [{ kind: 'make-directories' }], status: unready('is being made') };
    }
    const { space, reflink } = observed;
    const before = pool.status?.nodes[this.#nodeId];
    const status = this.#status({
      ready: true,
      totalBytes: BigInt(space.totalBytes),
      availableBytes: steady(before, space),
      reflink,
    });
    if (!observed.isWritten) return { actions: [{ kind: 'write-down' }], status };
    return { actions: [], status, againAfterMs: refreshMs };
  }

  apply(pool: StoragePool, action: PoolAction): Promise<void> {
    return naming('making the pool on its node', async () => {
      const layout = layoutOf(pool);
      if (layout === undefined) return;
      // Before anything is there that only it would find.
      await this.#pools.remember(pool.id, layout);
      if (action.kind === 'write-down') return;
      if (action.kind === 'claim') {
        const madeDirectory = await this.#disks.ensureDirectory(layout.path, directoryMode);
        await writeMarker(this.#disks, layout, { poolId: pool.id, madeDirectory });
      }
      await this.#disks.ensureDirectory(layout.volumesPath, directoryMode);
      await this.#disks.ensureDirectory(layout.imagesPath, directoryMode);
    });
  }

  remove(pool: StoragePool): Promise<Removal> {
    return naming('removing the pool from its node', async () => {
      const layout = layoutOf(pool);
      return layout === undefined ? { gone: true } : this.#removeAt(pool.id, layout);
    });
  }

  /** The markers of the pools that this node has, also of those whose record is gone. */
  async inventory(): Promise<readonly BackendObject[]> {
    return (await this.#pools.places()).map(({ poolId: id, layout }) => {
      const named = { backend: 'directory', kind: 'pool marker', name: layout.markerPath };
      return ownObject({ ...named, type: 'storage_pool', id, holdsData: true });
    });
  }

  /** Removes the directory of a pool that doesn't exist, unless volumes are in it. */
  async removeData(id: string): Promise<void> {
    await naming('removing the directory of a pool that does not exist', async () => {
      const layout = await this.#pools.layoutOf(id);
      if (layout === undefined) return;
      const removal = await this.#removeAt(id, layout);
      if (!removal.gone) throw notEmpty(removal.waitingFor);
    });
  }

  async #removeAt(poolId: string, layout: PoolLayout): Promise<Removal> {
    const claim = await readClaim(this.#disks, layout, poolId);
    if (claim.kind === 'ours') {
      const names = (await this.#disks.list(layout.volumesPath)).flatMap(
        (name) => parseVolumeName(name) ?? [],
      );
      const volumes = names.filter(({ isPart }) => !isPart).length;
      if (volumes > 0) {
        return { gone: false, waitingFor: `the ${volumes} volumes that are still in it` };
      }
      for (const { id } of names) {
        await this.#disks.remove(volumeFileOf(layout, id, 'qcow2').path);
        await this.#disks.remove(volumeFileOf(layout, id, 'raw').path);
      }
      await this.#empty(layout, claim);
    }
    await this.#pools.forget(poolId);
    return { gone: true };
  }

  async #empty(layout: PoolLayout, claim: Claim): Promise<void> {
    for (const name of await this.#disks.list(layout.imagesPath)) {
      const image = parseImageName(name);
      if (image !== undefined) await this.#disks.remove(cachedImagePath(layout, image.id));
    }
    await this.#disks.removeEmptyDirectory(layout.imagesPath);
    await this.#disks.removeEmptyDirectory(layout.volumesPath);
    // Last: until it is gone, a removal that broke off is found again.
    await this.#disks.remove(layout.markerPath);
    if (claim.kind === 'ours' && claim.madeDirectory) {
      await this.#disks.removeEmptyDirectory(layout.path);
    }
  }

  #volumesMadeHere(pool: StoragePool, lookup: Lookup): number {
    const volumes = lookup.referrers<Volume>('volume', pool.id);
    return volumes.filter((volume) => volume.status?.nodeId === this.#nodeId && wasMade(volume))
      .length;
  }

  #status(entry: Partial<Omit<PoolNodeStatus, '$typeName'>>): StoragePoolStatus {
    return create(StoragePoolStatusSchema, {
      nodes: { [this.#nodeId]: create(PoolNodeStatusSchema, entry) },
    });
  }
}

const notEmpty = (waitingFor: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'POOL_NOT_EMPTY',
    message: `the directory of a pool that does not exist stays for ${waitingFor}`,
  });

/** The free space to report: what was reported before, unless it has changed enough to matter. */
function steady(before: PoolNodeStatus | undefined, space: Space): bigint {
  const now = BigInt(space.availableBytes);
  const total = BigInt(space.totalBytes);
  if (before === undefined || !before.ready || before.totalBytes !== total) return now;
  const change =
    now > before.availableBytes ? now - before.availableBytes : before.availableBytes - now;
  return change * reportedPart < total ? before.availableBytes : now;
}
