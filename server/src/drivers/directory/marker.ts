/**
 * The marker that says which pool a directory is: a file with the pool's id. Nothing is made or
 * removed in a directory without it, so that a filesystem that isn't mounted isn't taken for an
 * empty pool.
 */
import type { DiskImages } from '../../wire/disk-image/api.js';
import { markerMode, type PoolLayout } from './layout.js';

/** What a directory is to a pool. */
export type Claim =
  /** It carries the pool's marker. */
  | { readonly kind: 'ours'; readonly madeDirectory: boolean }
  /** It carries no marker, or doesn't exist. */
  | { readonly kind: 'unclaimed' }
  /** It carries another pool's marker, or one that can't be read. */
  | { readonly kind: 'foreign'; readonly poolId: string };

/** Reads the marker. */
export async function readClaim(
  disks: DiskImages,
  layout: PoolLayout,
  poolId: string,
): Promise<Claim> {
  const text = await disks.readText(layout.markerPath);
  if (text === undefined) return { kind: 'unclaimed' };
  const marker = parseMarker(text);
  if (marker.poolId !== poolId) return { kind: 'foreign', poolId: marker.poolId };
  return { kind: 'ours', madeDirectory: marker.madeDirectory };
}

/** Marks a directory as a pool's. Throws ALREADY_EXISTS where there is a marker. */
export async function writeMarker(
  disks: DiskImages,
  layout: PoolLayout,
  marker: Marker,
): Promise<void> {
  const { poolId, madeDirectory } = marker;
  const text = `${JSON.stringify({ pool_id: poolId, made_directory: madeDirectory })}\n`;
  await disks.writeText({ path: layout.markerPath, text, mode: markerMode });
}

/** What a marker says. */
export interface Marker {
  readonly poolId: string;
  /** Whether we made the directory, and so may remove it. */
  readonly madeDirectory: boolean;
}

function parseMarker(text: string): Marker {
  const match = /^\{"pool_id":"([-0-9a-f]+)","made_directory":(true|false)\}\n$/.exec(text);
  return { poolId: match?.[1] ?? '', madeDirectory: match?.[2] === 'true' };
}
