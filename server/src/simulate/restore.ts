/**
 * Simulated disks end with the process, and a real host's don't: at a restart of the control plane,
 * each simulated host gets the volumes back that were recorded for it. Its guests are off, as after
 * a power cut.
 */
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { directoryMode, layoutOf, provisionedFileOf } from '../drivers/directory/layout.js';
import { readClaim, writeMarker } from '../drivers/directory/marker.js';
import type { Lookup } from '../resource/lookup.js';
import type { DiskImages } from '../wire/disk-image/api.js';
import { inMemory } from './memory-pool.js';

/** Makes the files of the volumes that were recorded on a node. Idempotent. */
export async function restoreVolumes(
  lookup: Lookup,
  nodeId: string,
  disks: DiskImages,
): Promise<void> {
  for (const volume of lookup.list<Volume>('volume')) {
    if (volume.status?.nodeId !== nodeId) continue;
    const found = lookup.get<StoragePool>('storage_pool', volume.spec?.poolId ?? '');
    const pool = found && inMemory(found);
    const file = pool && provisionedFileOf(volume, pool);
    if (pool === undefined || file === undefined) continue;
    await restorePool(pool, disks);
    if ((await disks.stat(file.path)) !== undefined) continue;
    await disks.create({ ...file, virtualBytes: Number(volume.status.sizeBytes) });
  }
}

async function restorePool(pool: StoragePool, disks: DiskImages): Promise<void> {
  const layout = layoutOf(pool);
  if (layout === undefined) return;
  const madeDirectory = await disks.ensureDirectory(layout.path, directoryMode);
  if ((await readClaim(disks, layout, pool.id)).kind === 'unclaimed') {
    await writeMarker(disks, layout, { poolId: pool.id, madeDirectory });
  }
  await disks.ensureDirectory(layout.volumesPath, directoryMode);
  await disks.ensureDirectory(layout.imagesPath, directoryMode);
}
