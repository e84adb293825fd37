/** Which nodes a storage pool spans. Pure. */
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { AnyResource } from '../resource/resource.js';

/** Whether a pool spans a node: by its id, by its labels, or because the pool names neither. */
export function isSpanned(pool: StoragePool, node: Pick<AnyResource, 'id' | 'labels'>): boolean {
  const nodeIds = pool.spec?.nodeIds ?? [];
  const labels = Object.entries(pool.spec?.nodeLabels ?? {});
  if (nodeIds.length === 0 && labels.length === 0) return true;
  if (nodeIds.includes(node.id)) return true;
  return labels.length > 0 && labels.every(([key, value]) => node.labels[key] === value);
}
