/** Reads out of resources what placement decides on: demand, constraints, candidates. Pure. */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import { NodePhase } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine, VirtualMachineSpec } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { Candidate, Constraints, Demand } from './placement.js';
import { isSpanned } from './pool-span.js';

/** The contract's defaults of NodeSpec. */
const cpuOvercommitDefault = 8;
const memoryOvercommitDefault = 1;
const reservedMemoryMibDefault = 512n;

/** What a machine needs of its node. */
export function demandOf(spec: VirtualMachineSpec): Demand {
  const cpu = spec.cpu;
  const vcpus = (cpu?.cores ?? 1) * (cpu?.sockets ?? 1) * (cpu?.threadsPerCore ?? 1);
  return { vcpus, memoryMib: Number(spec.memory?.sizeMib ?? 0n) };
}

/** The node as a candidate; `used` is what machines have of it. */
export function candidateOf(node: Node, used: Demand): Candidate {
  const spec = node.spec;
  const reserved = spec?.reservedMemoryMib ?? reservedMemoryMibDefault;
  const total = node.status?.memory?.totalMib ?? 0n;
  const own = total > reserved ? Number(total - reserved) : 0;
  const threads = node.status?.cpu?.total ?? 0;
  return {
    id: node.id,
    name: node.name,
    labels: node.labels,
    ready: node.status?.phase === NodePhase.READY,
    schedulable: (spec?.schedulable ?? true) && node.deletionRequestedAt === undefined,
    capacity: {
      vcpus: Math.floor(threads * (spec?.cpuOvercommitRatio ?? cpuOvercommitDefault)),
      memoryMib: Math.floor(own * (spec?.memoryOvercommitRatio ?? memoryOvercommitDefault)),
    },
    used,
  };
}

/** What the machine demands of the choice, its volumes' places and pools included. */
export function constraintsOf(vm: VirtualMachine, lookup: Lookup): Constraints {
  const placement = vm.spec?.placement;
  return {
    requiredNodeIds: placement?.requiredNodeIds ?? [],
    excludedNodeIds: placement?.excludedNodeIds ?? [],
    requiredLabels: placement?.requiredNodeLabels ?? {},
    checks: volumesOf(vm, lookup).flatMap((volume) => volumeChecks(volume, lookup)),
  };
}

/** The volumes that the machine's disks are on: its own and those it names. */
export function volumesOf(vm: VirtualMachine, lookup: Lookup): Volume[] {
  const volumes = lookup
    .referrers<Volume>('volume', vm.id)
    .filter((volume) => volume.owner?.id === vm.id && volume.deletionRequestedAt === undefined);
  for (const disk of Object.values(vm.spec?.disks ?? {})) {
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
  return [
    (node) => {
      if (!isSpanned(pool, node)) return `storage pool ${pool.name} does not span it`;
      const there = pool.status?.nodes[node.id];
      if (there?.ready === true) return undefined;
      const why = there === undefined || there.message === '' ? '' : ` (${there.message})`;
      return `storage pool ${pool.name} is not ready there${why}`;
    },
  ];
}
