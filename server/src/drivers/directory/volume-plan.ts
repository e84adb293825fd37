/**
 * What to do about a volume, given what was observed of it. Pure: every choice of the volume
 * driver is here, and what the volume's status says of it.
 */
import { create } from '@bufbuild/protobuf';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import {
  type Volume,
  type VolumeStatus,
  VolumeStatusSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { Difference, Lookup } from '../../reconcile/driver.js';
import type { DiskFormat } from '../../wire/disk-image/api.js';
import { wasMade } from './volume-history.js';

/** What there is of a volume on its node. */
export type VolumeObserved =
  /** The pool's directory isn't there, or isn't the pool's. */
  | { readonly kind: 'no-pool' }
  | { readonly kind: 'damaged'; readonly format: DiskFormat }
  | {
      readonly kind: 'made';
      readonly format: DiskFormat;
      readonly virtualBytes: number;
      readonly allocatedBytes: number;
      /** How it can grow now. */
      readonly growth: 'offline' | 'online' | 'none';
    }
  | {
      readonly kind: 'missing';
      /** Whether a clone can share blocks. */
      readonly reflink: boolean;
      /** The image that it is made from, if the pool has it and it is known what it is. */
      readonly image: { readonly format: DiskFormat; readonly virtualBytes: number } | undefined;
    };

/** A step towards the wanted volume. */
export type VolumeAction =
  | {
      readonly kind: 'create' | 'grow' | 'grow-online';
      readonly format: DiskFormat;
      readonly virtualBytes: number;
    }
  | {
      readonly kind: 'clone';
      readonly format: DiskFormat;
      readonly virtualBytes: number;
      readonly method: 'reflink' | 'backing';
      readonly imageId: string;
      readonly imageFormat: DiskFormat;
    };

const gib = 1024n ** 3n;
/** A volume is looked at this often, for what happens outside. */
const refreshMs = 60_000;
/** One that waits for something is looked at this often, should no change wake it. */
const waitMs = 5_000;
/** The taken space is reported anew when it has changed by this much. */
const reportedBytes = 64n * 1024n ** 2n;

/** The size that the volume shall have. */
export function wantedBytes(volume: Volume): bigint {
  return (volume.spec?.sizeGib ?? 0n) * gib;
}

type Found = Difference<VolumeAction, VolumeStatus>;

/** Compares a volume with what was observed of it. */
export function diffVolume(volume: Volume, observed: VolumeObserved, lookup: Lookup): Found {
  switch (observed.kind) {
    case 'no-pool':
      return waits(volume, `waits for storage pool ${poolName(volume, lookup)} on its node`);
    case 'damaged':
      return fails(volume, 'its file is damaged; restore it from a backup, or replace the volume');
    case 'made':
      return diffMade(volume, observed);
    case 'missing':
      return diffMissing(volume, observed, lookup);
  }
}

type Made = Extract<VolumeObserved, { kind: 'made' }>;
type Missing = Extract<VolumeObserved, { kind: 'missing' }>;

function diffMade(volume: Volume, observed: Made): Found {
  const { format, virtualBytes, growth } = observed;
  const sizeBytes = BigInt(virtualBytes);
  const status = create(VolumeStatusSchema, {
    provisioned: true,
    sizeBytes,
    allocatedBytes: steady(volume.status, observed),
    format,
  });
  const wanted = wantedBytes(volume);
  if (sizeBytes >= wanted) {
    if (sizeBytes > wanted) status.nodeMessage = 'is larger than asked; a volume never shrinks';
    return { actions: [], status, againAfterMs: refreshMs };
  }
  if (growth === 'none') {
    status.nodeMessage = 'grows when the machine that uses it stops';
    return { actions: [], status, againAfterMs: waitMs };
  }
  status.nodeMessage = 'is being grown';
  const kind = growth === 'online' ? 'grow-online' : 'grow';
  return { actions: [{ kind, format, virtualBytes: Number(wanted) }], status };
}

function diffMissing(volume: Volume, observed: Missing, lookup: Lookup): Found {
  if (wasMade(volume)) {
    return fails(
      volume,
      'its content is gone: the file was removed from its node; restore it, or replace the volume',
    );
  }
  const virtualBytes = Number(wantedBytes(volume));
  const source = volume.spec?.source?.source;
  if (source?.case !== 'imageId') {
    return makes(volume, { kind: 'create', format: 'qcow2', virtualBytes });
  }
  const { image, reflink } = observed;
  const imageId = source.value;
  if (image === undefined) {
    const name = lookup.get('image', imageId)?.name ?? imageId;
    return waits(volume, `waits for image ${name} on its node`);
  }
  if (image.virtualBytes > virtualBytes) {
    const least = (BigInt(image.virtualBytes) + gib - 1n) / gib;
    return fails(volume, `is smaller than its image; give ${least} GiB or more`);
  }
  return makes(volume, {
    kind: 'clone',
    format: reflink ? image.format : 'qcow2',
    virtualBytes,
    method: reflink ? 'reflink' : 'backing',
    imageId,
    imageFormat: image.format,
  });
}

function makes(volume: Volume, action: VolumeAction): Found {
  return { actions: [action], status: withoutContent(volume, 'is being made') };
}

function waits(volume: Volume, message: string): Found {
  return { actions: [], status: withoutContent(volume, message), againAfterMs: waitMs };
}

function fails(volume: Volume, message: string): Found {
  const status = withoutContent(volume, message);
  status.nodeFailed = true;
  return { actions: [], status, againAfterMs: refreshMs };
}

/** A status without usable content. What it was like, if there was any, is kept: see `wasMade`. */
function withoutContent(volume: Volume, nodeMessage: string): VolumeStatus {
  const { sizeBytes, format } = volume.status ?? create(VolumeStatusSchema);
  return create(VolumeStatusSchema, { sizeBytes, format, nodeMessage });
}

function poolName(volume: Volume, lookup: Lookup): string {
  const id = volume.spec?.poolId ?? '';
  return lookup.get<StoragePool>('storage_pool', id)?.name ?? id;
}

/** The taken space to report: what was reported before, unless it has changed enough to matter. */
function steady(before: VolumeStatus | undefined, { allocatedBytes }: Made): bigint {
  const now = BigInt(allocatedBytes);
  const reported = before?.provisioned === true ? before.allocatedBytes : 0n;
  const change = now > reported ? now - reported : reported - now;
  return reported > 0n && change < reportedBytes ? reported : now;
}
