/**
 * Where things are in a pool's directory, and what they are called. Pure, and the only place that
 * knows: volumes/<volume id>.qcow2 or .raw, images/<image id>, and a marker with the pool's id.
 */
import { join } from 'node:path';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { type DiskFile, type DiskFormat, partSuffix } from '../../wire/disk-image/api.js';

/** The places in a pool's directory on a node. */
export interface PoolLayout {
  readonly path: string;
  readonly markerPath: string;
  readonly volumesPath: string;
  readonly imagesPath: string;
}

/** Others may pass through to a file that they know and may read, and not look around. */
export const directoryMode = 0o711;
/** QEMU's own user reads a cached image below a volume. */
export const imageMode = 0o644;
export const markerMode = 0o644;

/** The layout of a pool, or undefined if it is not kept in directories. */
export function layoutOf(pool: StoragePool): PoolLayout | undefined {
  const backend = pool.spec?.backend;
  if (backend?.case !== 'directory') return undefined;
  return layoutAt(join('/', backend.value.path).replace(/(?<=.)\/$/, ''));
}

/** The layout of a pool in a directory. */
export const layoutAt = (path: string): PoolLayout => ({
  path,
  markerPath: join(path, '.limiquantix-pool'),
  volumesPath: join(path, 'volumes'),
  imagesPath: join(path, 'images'),
});

/** The file of a volume. */
export function volumeFileOf(layout: PoolLayout, volumeId: string, format: DiskFormat): DiskFile {
  return { path: join(layout.volumesPath, `${volumeId}.${format}`), format };
}

/**
 * The file of a volume as its node has reported it, for the hypervisor's driver; undefined while
 * it has no content that can be used.
 */
export function provisionedFileOf(volume: Volume, pool: StoragePool): DiskFile | undefined {
  const layout = layoutOf(pool);
  const { status } = volume;
  if (layout === undefined || status?.provisioned !== true) return undefined;
  return volumeFileOf(layout, volume.id, status.format === 'raw' ? 'raw' : 'qcow2');
}

/** The file that caches an image. */
export function cachedImagePath(layout: PoolLayout, imageId: string): string {
  return join(layout.imagesPath, imageId);
}

const idPattern = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const partPattern = `${partSuffix.replace('.', '\\.')}(?:\\.[-0-9]+)?`;
const volumeName = new RegExp(`^(${idPattern})\\.(qcow2|raw)(${partPattern})?$`);
const imageName = new RegExp(`^(${idPattern})(${partPattern})?$`);

/** A name of ours in a directory. */
export interface OwnName {
  readonly id: string;
  /** Whether the file was never completed. */
  readonly isPart: boolean;
}

/** The volume that a name in `volumes/` stands for, or undefined if it isn't one of ours. */
export function parseVolumeName(name: string): OwnName | undefined {
  const match = volumeName.exec(name);
  return match?.[1] === undefined ? undefined : { id: match[1], isPart: match[3] !== undefined };
}

/** The image that a name in `images/` stands for, or undefined if it isn't one of ours. */
export function parseImageName(name: string): OwnName | undefined {
  const match = imageName.exec(name);
  return match?.[1] === undefined ? undefined : { id: match[1], isPart: match[2] !== undefined };
}
