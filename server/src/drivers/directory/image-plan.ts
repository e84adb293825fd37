/** What to do about an image on a node, given what was observed of it in each pool. Pure. */
import { create } from '@bufbuild/protobuf';
import {
  type Image,
  type ImageNodeStatus,
  ImageNodeStatusSchema,
  ImagePhase,
  type ImageStatus,
  ImageStatusSchema,
} from '@limiquantix/proto/storage/v1/image_pb.js';
import type { Difference } from '../../reconcile/driver.js';
import { LimiError } from '../../resource/error.js';
import type { TransferState } from '../transfers.js';
import { asLimiError } from './fault.js';

/** An image in one pool of the node. */
export interface CachedImage {
  readonly poolId: string;
  readonly poolName: string;
  /** Whether a volume in the pool is made from it. */
  readonly isWanted: boolean;
  readonly state: 'no-pool' | 'absent' | 'part' | 'complete';
  readonly transfer: TransferState;
  /** Whether a fetch may start now. */
  readonly isDue: boolean;
}

/** A step towards the wanted cache: fetch in the background, or drop what was never completed. */
export type ImageCacheAction = { readonly kind: 'fetch' | 'drop'; readonly poolId: string };

/** Progress is reported this often. */
const progressMs = 1_000;

/** Compares an image with what was observed of it. */
export function diffImage(
  image: Image,
  observed: readonly CachedImage[],
  at: { readonly nodeId: string; readonly nowMs: number },
): Difference<ImageCacheAction, ImageStatus> {
  const entry = entryOf(image, observed);
  const status = create(ImageStatusSchema, {
    nodes: entry === undefined ? {} : { [at.nodeId]: entry },
  });
  const actions = observed.flatMap((one) => actionsFor(image, one));
  return { actions, status, ...againAfter(observed, at.nowMs) };
}

function actionsFor(image: Image, one: CachedImage): ImageCacheAction[] {
  const { poolId, isWanted, state, transfer, isDue } = one;
  if (state === 'no-pool') return [];
  if (isWanted) {
    const canFetch = image.status?.phase === ImagePhase.READY && isDue;
    return canFetch && state !== 'complete' ? [{ kind: 'fetch', poolId }] : [];
  }
  return state === 'part' || transfer.kind !== 'none' ? [{ kind: 'drop', poolId }] : [];
}

/**
 * The node's entry: ready if every pool that wants the image has it; none if no pool has
 * anything.
 */
function entryOf(image: Image, observed: readonly CachedImage[]): ImageNodeStatus | undefined {
  const missing = observed.filter(({ isWanted, state }) => isWanted && state !== 'complete');
  if (missing.length === 0) {
    if (!observed.some(({ state }) => state === 'complete')) return undefined;
    const receivedBytes = image.status?.sizeBytes ?? 0n;
    return create(ImageNodeStatusSchema, { ready: true, receivedBytes });
  }
  const received = missing.map(({ transfer }) =>
    transfer.kind === 'running' ? transfer.receivedBytes : 0,
  );
  return create(ImageNodeStatusSchema, {
    receivedBytes: BigInt(Math.min(...received)),
    message: missing.map((one) => messageOf(image, one)).join('; '),
  });
}

function messageOf(image: Image, { state, transfer, poolName }: CachedImage): string {
  if (image.status?.phase !== ImagePhase.READY) return 'waits for the control plane to have it';
  if (state === 'no-pool') return `waits for storage pool ${poolName}`;
  if (transfer.kind !== 'failed') return 'is being fetched';
  const error = asLimiError('fetching the image', transfer.error);
  const text = error instanceof LimiError ? error.message : 'fetching the image failed';
  return `${text}; tried ${transfer.failures} times, goes on`;
}

function againAfter(observed: readonly CachedImage[], nowMs: number): { againAfterMs?: number } {
  const waits = observed.flatMap(({ transfer, isWanted }) => {
    if (!isWanted || transfer.kind === 'none') return [];
    return transfer.kind === 'running' ? progressMs : Math.max(1, transfer.retryAtMs - nowMs);
  });
  return waits.length === 0 ? {} : { againAfterMs: Math.min(...waits) };
}
