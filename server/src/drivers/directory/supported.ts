/** What of storage pools and volumes the directory drivers carry out. */
import type { SupportedPaths } from '../../resource/unsupported.js';

/** Of a pool: a directory on each of its nodes. */
export const poolPaths: SupportedPaths = [
  'spec.directory',
  'spec.node_ids',
  'spec.node_labels',
  'spec.overcommit_ratio',
];

/** Of a volume: a thin qcow2 file, empty or a copy of an image. */
export const volumePaths: SupportedPaths = [
  'spec.pool_id',
  'spec.size_gib',
  'spec.source.image_id',
  'spec.provisioning=thin',
];
