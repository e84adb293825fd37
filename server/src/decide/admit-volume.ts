/** Admission of a volume: large enough for its image, and never smaller than it was. Pure. */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import {
  type Volume,
  VolumePhase,
  type VolumeSpec,
  VolumeStatusSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import { LimiError } from '../resource/error.js';
import type { Lookup } from '../resource/lookup.js';
import type { AdmissionInput, AdmissionResult } from './admission.js';

const gib = 1024n ** 3n;

/** Decides on a volume of its own. */
export function admitVolume(input: AdmissionInput<Volume>): AdmissionResult<Volume> {
  const { next, previous, lookup } = input;
  if (next.spec !== undefined) {
    refuseSmallVolume({ spec: next.spec, previous: previous?.spec, lookup, path: 'spec' });
  }
  const status =
    previous?.status ?? create(VolumeStatusSchema, { phase: VolumePhase.PROVISIONING });
  return { resource: { ...next, status }, children: [], claims: [], releases: [] };
}

/** Refuses a volume that is smaller than its image, or than it was. */
export function refuseSmallVolume(question: {
  readonly spec: VolumeSpec;
  readonly previous: VolumeSpec | undefined;
  readonly lookup: Lookup;
  /** The path of the volume's fields in what the user wrote. */
  readonly path: string;
}): void {
  const { spec, previous, lookup, path } = question;
  if (previous !== undefined && spec.sizeGib < previous.sizeGib) {
    throw tooSmall(
      `${path}.size_gib`,
      `can't shrink from ${previous.sizeGib} to ${spec.sizeGib} GiB; give ${previous.sizeGib} or more, or make a new volume`,
    );
  }
  const source = spec.source?.source;
  if (source?.case === 'volumeId') {
    const copied = lookup.get<Volume>('volume', source.value);
    const { sizeGib: least = 0n } = copied?.spec ?? {};
    if (previous !== undefined || copied === undefined || spec.sizeGib >= least) return;
    const what = `is ${spec.sizeGib} GiB, less than volume ${copied.name} that it is a copy of`;
    throw tooSmall(`${path}.size_gib`, `${what}; give ${least} or more`);
  }
  if (source?.case !== 'imageId') return;
  const image = lookup.get<Image>('image', source.value);
  const needed = image?.status?.virtualSizeBytes ?? 0n;
  if (image === undefined || spec.sizeGib * gib >= needed) return;
  const least = (needed + gib - 1n) / gib;
  throw tooSmall(
    `${path}.size_gib`,
    `is ${spec.sizeGib} GiB, less than image ${image.name} needs; give ${least} or more`,
  );
}

function tooSmall(path: string, message: string): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'VOLUME_TOO_SMALL',
    message: `${path} ${message}`,
    violations: [{ path, message }],
  });
}
