/** Reads out of resources what placement decides on: demand, constraints, candidates. Pure. */
import { type Node, NodePhase, NodeSpecSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  CpuSpecSchema,
  type VirtualMachine,
  type VirtualMachineSpec,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { effective } from '../resource/default-values.js';
import type { Lookup } from '../resource/lookup.js';
import type { Candidate, Constraints, Demand, NeighbourRule } from './placement.js';
import { isSpanned } from './pool-span.js';
import { wholeSpecOf } from './whole-spec.js';

/** What a machine needs of its node. */
export function demandOf(spec: VirtualMachineSpec): Demand {
  const cores = effective(CpuSpecSchema, spec.cpu, 'cores') || 1;
  const sockets = effective(CpuSpecSchema, spec.cpu, 'sockets');
  const vcpus = cores * sockets * effective(CpuSpecSchema, spec.cpu, 'threadsPerCore');
  const { sizeMib = 0n, reservationMib = 0n, overcommitRatio = 1 } = spec.memory ?? {};
  const counted = Math.ceil(Number(sizeMib) / overcommitRatio);
  return { vcpus, memoryMib: Math.max(counted, Number(reservationMib)) };
}

/** The node as a candidate; `used` is what machines have of it. */
export function candidateOf(node: Node, used: Demand): Candidate {
  const spec = node.spec;
  const of = <Name extends NodeDefault>(name: Name) => effective(NodeSpecSchema, spec, name);
  const reserved = of('reservedMemoryMib');
  const total = node.status?.memory?.totalMib ?? 0n;
  const own = total > reserved ? Number(total - reserved) : 0;
  const threads = Math.max(0, (node.status?.cpu?.total ?? 0) - of('reservedCpus'));
  const isServing = spec?.maintenance === undefined && node.deletionRequestedAt === undefined;
  return {
    id: node.id,
    name: node.name,
    labels: labelsOf(node),
    taints: Object.entries(spec?.taints ?? {}).map(([key, { value = '', effect }]) => {
      return { key, value, effect };
    }),
    reported: node.status?.memory !== undefined,
    ready: node.status?.phase === NodePhase.READY,
    schedulable: of('schedulable') && isServing,
    capacity: {
      vcpus: Math.floor(threads * of('cpuOvercommitRatio')),
      memoryMib: Math.floor(own * of('memoryOvercommitRatio')),
    },
    used,
  };
}

type NodeDefault =
  | 'schedulable'
  | 'cpuOvercommitRatio'
  | 'memoryOvercommitRatio'
  | 'reservedMemoryMib'
  | 'reservedCpus';

/** A node's labels, and where it stands as labels; what the user labels comes first. */
function labelsOf(node: Node): { readonly [key: string]: string } {
  const topology = node.spec?.topology;
  if (topology === undefined) return node.labels;
  const { site, room, row, rack, power } = topology;
  const places = Object.entries({ site, room, row, rack, power });
  const given = places.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(given), ...node.labels };
}

/** What the machine demands of the choice, its volumes' places and pools included. */
export function constraintsOf(
  vm: VirtualMachine,
  lookup: Lookup,
  neighbours: readonly NeighbourRule[] = [],
): Constraints {
  const placement = wholeSpecOf(vm)?.placement;
  return {
    requiredNodeIds: placement?.requiredNodeIds ?? [],
    excludedNodeIds: placement?.excludedNodeIds ?? [],
    requiredLabels: placement?.requiredNodeLabels ?? {},
    preferredNodeIds: placement?.preferredNodeIds ?? [],
    preferredLabels: placement?.preferredNodeLabels ?? {},
    tolerations: placement?.tolerations ?? {},
    neighbours,
    checks: volumesOf(vm, lookup).flatMap((volume) => volumeChecks(volume, lookup)),
  };
}

/** The volumes that the machine's disks are on: its own and those it names. */
export function volumesOf(vm: VirtualMachine, lookup: Lookup): Volume[] {
  const volumes = lookup
    .referrers<Volume>('volume', vm.id)
    .filter((volume) => volume.owner?.id === vm.id && volume.deletionRequestedAt === undefined);
  for (const disk of Object.values(wholeSpecOf(vm)?.disks ?? {})) {
    if (disk.source.case !== 'volumeId') continue;
    const volume = lookup.get<Volume>('volume', disk.source.value);
    if (volume !== undefined) volumes.push(volume);
  }
  return volumes;
}

function volumeChecks(volume: Volume, lookup: Lookup): ((node: Candidate) => string | undefined)[] {
  const at = volume.status?.nodeId ?? '';
  if (at !== '') {
    return [(node) => (node.id === at ? undefined : `volume ${volume.name} is on another node`)];
  }
  const pool = lookup.get<StoragePool>('storage_pool', volume.spec?.poolId ?? '');
  if (pool === undefined) return [() => `the pool of volume ${volume.name} is unknown`];
  return [poolCheck(pool)];
}

/** Whether a node can have a volume in a pool. */
export function poolCheck(pool: StoragePool): (node: Candidate) => string | undefined {
  return (node) => {
    if (!isSpanned(pool, node)) return `storage pool ${pool.name} does not span it`;
    const there = pool.status?.nodes[node.id];
    if (there?.ready === true) return undefined;
    const why = there === undefined || there.message === '' ? '' : ` (${there.message})`;
    return `storage pool ${pool.name} is not ready there${why}`;
  };
}
