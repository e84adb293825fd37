/**
 * What a machine's disks and interfaces say of the volumes and ports that are made for them. Pure.
 * A field that is new in such a form must be in the volume or port too, or be named here.
 */
import { DiskVolumeSpecSchema, NicPortSpecSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { PortSpecSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { VolumeSpecSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { inlineSpec, type Moves } from '../resource/inline-spec.js';

/** Fields of a disk's volume that are called otherwise in a volume, or are the machine's alone. */
export const diskVolumeMoves: Moves = {
  image_id: 'source.image_id',
  source_volume_id: 'source.volume_id',
  source_snapshot_id: 'source.snapshot_id',
  keep: undefined,
};

/** The volume that a disk asks for. */
export const diskVolumeSpec = inlineSpec(DiskVolumeSpecSchema, VolumeSpecSchema, diskVolumeMoves);

/** The port that an interface asks for. */
export const nicPortSpec = inlineSpec(NicPortSpecSchema, PortSpecSchema);
