/** What a volume's status remembers of its content. Pure. */
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';

/**
 * Whether the volume has had content, also where that is gone now: such a volume is never made
 * anew, for an empty disk in place of data would hide the loss. A volume without content has no
 * size.
 */
export function wasMade(volume: Volume): boolean {
  return volume.status?.provisioned === true || (volume.status?.sizeBytes ?? 0n) > 0n;
}
