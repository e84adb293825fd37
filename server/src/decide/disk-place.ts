/** Whether a disk can join a machine that is on a node: neither moves to the other. Pure. */
import { Code } from '@connectrpc/connect';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { LimiError } from '../resource/error.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource } from '../resource/resource.js';
import { isSpanned } from './pool-span.js';
import { usesDevice } from './whole-spec.js';

/** Refuses a volume that is, or will be made, on a node where the machine is not. */
export function refuseVolumeElsewhere(
  { previous, lookup }: { readonly previous: VirtualMachine | undefined; readonly lookup: Lookup },
  { id, path }: { readonly id: string; readonly path: string },
): void {
  const node = nodeOf(previous, lookup);
  if (node === undefined || previous === undefined || usesDevice(previous, id)) return;
  const volume = lookup.get<Volume>('volume', id);
  const at = volume?.status?.nodeId ?? '';
  if (at === node.id) return;
  if (at === '') {
    refusePoolElsewhere({ previous, lookup }, { poolId: volume?.spec?.poolId ?? '', path });
    return;
  }
  const there = lookup.get('node', at)?.name ?? at;
  throw elsewhere(
    path,
    `volume ${volume?.name} is on node ${there} and the machine on ${node.name}; name a volume on ${node.name}`,
  );
}

/** Refuses a pool that doesn't span the node where the machine is. */
export function refusePoolElsewhere(
  { previous, lookup }: { readonly previous: VirtualMachine | undefined; readonly lookup: Lookup },
  { poolId, path }: { readonly poolId: string; readonly path: string },
): void {
  const node = nodeOf(previous, lookup);
  const pool = lookup.get<StoragePool>('storage_pool', poolId);
  if (node === undefined || pool === undefined || isSpanned(pool, node)) return;
  throw elsewhere(
    path,
    `storage pool ${pool.name} does not span node ${node.name}, where the machine is; name a pool that does`,
  );
}

function nodeOf(vm: VirtualMachine | undefined, lookup: Lookup): AnyResource | undefined {
  const id = vm?.status?.nodeId ?? '';
  return id === '' ? undefined : lookup.get('node', id);
}

const elsewhere = (path: string, message: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'VOLUME_ELSEWHERE',
    message,
    violations: [{ path, message }],
  });
