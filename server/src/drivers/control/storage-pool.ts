/**
 * The control plane's half of a storage pool: its space over all nodes, and whether it can be used.
 */
import { create } from '@bufbuild/protobuf';
import { type Node, NodePhase } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  StoragePoolPhase as Phase,
  PoolCapacitySchema,
  type StoragePool,
  type StoragePoolStatus,
  StoragePoolStatusSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { isSpanned } from '../../decide/pool-span.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsJudging,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import { failed, notReady, ready } from '../../resource/ready.js';
import type { ResourceKey } from '../../resource/resource.js';
import type { NodeLinks } from './node-links.js';

const gib = 1024n ** 3n;
/** The count of volumes is written at most this often, however many come and go. */
const countWriteMs = 1_000;

interface Observed {
  readonly countDue: boolean;
}

/** The driver for `storage_pool` in the control plane. */
export class StoragePoolControlDriver
  implements
    Driver<StoragePool, Observed, never, StoragePoolStatus>,
    SupportsTriggers,
    SupportsJudging<StoragePool, StoragePoolStatus>
{
  readonly type = 'storage_pool';
  readonly runsOn = 'control-plane';
  readonly #links: NodeLinks;
  readonly #countedMs = new Map<string, number>();

  constructor(links: NodeLinks) {
    this.#links = links;
  }

  async observe(pool: StoragePool, lookup: Lookup): Promise<Observed> {
    const countDue = lookup.nowMs() - (this.#countedMs.get(pool.id) ?? 0) >= countWriteMs;
    if (countDue) this.#countedMs.set(pool.id, lookup.nowMs());
    return { countDue };
  }

  diff(
    pool: StoragePool,
    { countDue }: Observed,
    lookup: Lookup,
  ): Difference<never, StoragePoolStatus> {
    const status = patched(StoragePoolStatusSchema, pool.status, {
      observedGeneration: pool.generation,
    });
    // A pool is never ready before its space is known: who waited for it may plan at once.
    if (countDue || isSpaceUnread(status)) count(pool, status, lookup);
    const holder = directoryHolder(pool, lookup);
    if (holder !== undefined) {
      status.phase = Phase.FAILED;
      const why = `spec.directory.path is the directory of storage pool ${holder.name}, which shares a node with it; give another one`;
      status.conditions = failed('DirectoryTaken', why);
      return { actions: [], status };
    }
    const connected = lookup
      .list<Node>('node')
      .filter((node) => isSpanned(pool, node) && node.status?.phase === NodePhase.READY);
    const waiting = connected.filter((node) => status.nodes[node.id]?.ready !== true);
    if (connected.length > 0 && waiting.length === 0) {
      status.phase = Phase.READY;
      status.conditions = ready();
    } else {
      const some = waiting.length < connected.length;
      status.phase = some ? Phase.DEGRADED : Phase.PENDING;
      status.conditions = notReady('NodesNotReady', reasonOf(status, waiting));
    }
    return { actions: [], status, ...(countDue ? {} : { againAfterMs: countWriteMs }) };
  }

  judge(pool: StoragePool, lookup: Lookup): StoragePoolStatus | undefined {
    return this.diff(pool, { countDue: false }, lookup).status;
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove(pool: StoragePool, lookup: Lookup): Promise<Removal> {
    const key = { type: 'storage_pool', id: pool.id };
    const told = this.#toldOf(pool, lookup);
    const left = told.filter((nodeId) => !this.#links.isRemoved(nodeId, key));
    if (left.length === 0) {
      this.#countedMs.delete(pool.id);
      return { gone: true };
    }
    const status = patched(StoragePoolStatusSchema, pool.status, { phase: Phase.DELETING });
    return { gone: false, waitingFor: `${left.length} nodes to remove it`, status };
  }

  /**
   * The nodes that may have something of a pool: those that said so, and those whose agents were
   * told of it and may have lost the stream before they could say.
   */
  #toldOf(pool: StoragePool, lookup: Lookup): readonly string[] {
    const wasHeard = ({ id, status }: Node): boolean =>
      this.#links.isConnected(id) || status?.lastHeartbeatAt !== undefined;
    const nodes = lookup.list<Node>('node').filter((one) => isSpanned(pool, one) && wasHeard(one));
    return [...new Set([...Object.keys(pool.status?.nodes ?? {}), ...nodes.map(({ id }) => id)])];
  }

  triggers({ key, resource, previous }: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    if (key.type === 'volume') {
      if (resource?.generation === previous?.generation) return [];
      const poolId = ((resource ?? previous) as Volume | undefined)?.spec?.poolId;
      return poolId === undefined ? [] : [{ type: 'storage_pool', id: poolId }];
    }
    const all = () => lookup.list('storage_pool').map(({ id }) => ({ type: 'storage_pool', id }));
    // A directory may have become free.
    if (key.type === 'storage_pool') return resource === undefined ? all() : [];
    if (key.type !== 'node') return [];
    const now = resource as Node | undefined;
    const before = previous as Node | undefined;
    const same = now?.status?.phase === before?.status?.phase && now?.etag === before?.etag;
    if (same) return [];
    return all();
  }
}

/** The older pool whose directory a pool would share on some node. */
function directoryHolder(pool: StoragePool, lookup: Lookup): StoragePool | undefined {
  const path = directoryOf(pool);
  if (path === undefined) return undefined;
  const nodes = lookup.list<Node>('node').filter((node) => isSpanned(pool, node));
  return lookup
    .list<StoragePool>('storage_pool')
    .filter((other) => other.id < pool.id && directoryOf(other) === path)
    .find((other) => nodes.some((node) => isSpanned(other, node)));
}

function directoryOf({ spec }: StoragePool): string | undefined {
  return spec?.backend.case === 'directory' ? spec.backend.value.path : undefined;
}

/** Whether nodes have told a space that `capacity` doesn't have yet. */
function isSpaceUnread({ capacity, nodes }: StoragePoolStatus): boolean {
  return capacity === undefined || capacity.totalBytes !== totalBytesOf(nodes);
}

function count(pool: StoragePool, status: StoragePoolStatus, lookup: Lookup): void {
  const volumes = lookup.referrers<Volume>('volume', pool.id);
  const nodes = Object.values(status.nodes);
  status.volumeCount = volumes.length;
  status.capacity = create(PoolCapacitySchema, {
    totalBytes: totalBytesOf(status.nodes),
    availableBytes: sum(nodes.map((node) => node.availableBytes)),
    provisionedBytes: sum(volumes.map((volume) => (volume.spec?.sizeGib ?? 0n) * gib)),
  });
}

const totalBytesOf = (nodes: StoragePoolStatus['nodes']): bigint =>
  sum(Object.values(nodes).map((node) => node.totalBytes));

const sum = (values: readonly bigint[]): bigint =>
  values.reduce((total, value) => total + value, 0n);

function reasonOf(status: StoragePoolStatus, waiting: readonly Node[]): string {
  if (waiting.length === 0) return 'no connected node is spanned by it';
  const first = waiting
    .slice(0, 8)
    .map((node) => `${node.name}: ${status.nodes[node.id]?.message || 'has not begun'}`);
  return first.join('; ');
}
