/**
 * Whether nodes have room, by what is stored and by nothing that the product counts: what waits for
 * room, or is refused for lack of it, must be right.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import { NodePhase } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { candidateOf, demandOf } from '../../server/src/decide/candidates.js';
import { type Demand, noDemand } from '../../server/src/decide/placement.js';
import { wholeSpecOf } from '../../server/src/decide/whole-spec.js';
import type { Medium } from './medium.js';
import type { WorldModel } from './world-model.js';

/** The sum of two. */
export const plus = (a: Demand, b: Demand): Demand => ({
  vcpus: a.vcpus + b.vcpus,
  memoryMib: a.memoryMib + b.memoryMib,
});

/** So much of it several times. */
export const times = ({ vcpus, memoryMib }: Demand, count: number): Demand => ({
  vcpus: vcpus * count,
  memoryMib: memoryMib * count,
});

/** What a machine needs. */
export function needOf(vm: VirtualMachine): Demand {
  const spec = wholeSpecOf(vm);
  return spec === undefined ? noDemand : demandOf(spec);
}

/** What each of a fleet's machines needs. */
export function needOfEach({ spec }: VmFleet): Demand {
  return spec?.template.case === 'vm' ? demandOf(spec.template.value) : noDemand;
}

/** What a node has left of what it gives, with what is on it and what is kept there for fleets. */
function leftOn(node: Node, model: WorldModel): Demand {
  const { capacity } = candidateOf(node, noDemand);
  let used = noDemand;
  for (const vm of model.list('vm') as unknown as readonly VirtualMachine[]) {
    if (vm.status?.nodeId === node.id) used = plus(used, needOf(vm));
  }
  for (const fleet of model.list('vm_fleet') as unknown as readonly VmFleet[]) {
    if (fleet.deletionRequestedAt !== undefined) continue;
    for (const { nodeId, vcpus, memoryMib } of Object.values(fleet.status?.reservations ?? {})) {
      if (nodeId === node.id) used = plus(used, { vcpus, memoryMib: Number(memoryMib) });
    }
  }
  return plus(capacity, times(used, -1));
}

/** How many that need so much have room in what is left. */
function countIn(left: Demand, need: Demand): number {
  const counts = [
    need.vcpus === 0 ? Number.POSITIVE_INFINITY : Math.floor(left.vcpus / need.vcpus),
    need.memoryMib === 0 ? Number.POSITIVE_INFINITY : Math.floor(left.memoryMib / need.memoryMib),
  ];
  return Math.max(0, Math.min(...counts));
}

const nodesIn = (model: WorldModel): readonly Node[] => model.list('node') as unknown as Node[];

/** Whether no node that the machine's disks allow has room for it, be the nodes ready or not. */
export function lacksRoom(vm: VirtualMachine, model: WorldModel): boolean {
  const places = placesOf(vm, model);
  return nodesIn(model).every(
    (node) => places.some((id) => id !== node.id) || countIn(leftOn(node, model), needOf(vm)) === 0,
  );
}

/** The nodes that the machine's disks are on. */
function placesOf(vm: VirtualMachine, model: WorldModel): readonly string[] {
  const named = Object.values(wholeSpecOf(vm)?.disks ?? {}).flatMap(({ source }) =>
    source.case === 'volumeId' ? [source.value] : [],
  );
  const volumes = model.list('volume') as unknown as readonly Volume[];
  return volumes
    .filter(({ id, owner }) => owner?.id === vm.id || named.includes(id))
    .flatMap(({ status }) => (status?.nodeId ? [status.nodeId] : []));
}

/** Who asks for room. */
export interface RoomQuestion {
  /** A fleet that is to be made or changed, or a machine that is to be changed. */
  readonly asks:
    | { readonly kind: 'fleet'; readonly fleet: VmFleet }
    | { readonly kind: 'vm'; readonly vm: VirtualMachine };
  /** Its id where it is there already. */
  readonly id: string | undefined;
  /** What others may have been given of any node that isn't stored yet. */
  readonly others: Demand;
}

/** Looks on while somebody asks for room. */
export class RoomWatch {
  readonly #medium: Medium;
  readonly #model: WorldModel;

  constructor(medium: Medium, model: WorldModel) {
    this.#medium = medium;
    this.#model = model;
  }

  /** Begins; what it returns ends it, and says whether the room was there at every moment. */
  begin(question: RoomQuestion): () => boolean {
    let wasThere = this.#fits(question);
    const off = this.#medium.onCommit(() => {
      wasThere &&= this.#fits(question);
    });
    return () => {
      off();
      return wasThere;
    };
  }

  /** Whether there is room, however those that have no node yet are placed. */
  #fits({ asks, id, others }: RoomQuestion): boolean {
    const model = this.#model;
    let elsewhere = others;
    for (const vm of model.list('vm') as unknown as readonly VirtualMachine[]) {
      if ((vm.status?.nodeId ?? '') === '') elsewhere = plus(elsewhere, needOf(vm));
    }
    const left = (node: Node): Demand => plus(leftOn(node, model), times(elsewhere, -1));
    if (asks.kind === 'vm') {
      const known = model.get('vm', id ?? '') as unknown as VirtualMachine | undefined;
      const node = nodesIn(model).find((one) => one.id === known?.status?.nodeId);
      if (known === undefined || node === undefined) return true;
      return countIn(plus(left(node), needOf(known)), needOf(asks.vm)) > 0;
    }
    const { fleet } = asks;
    const open = nodesIn(model).filter((node) => isOpen(node, fleet, model));
    const rooms = open.map((node) => countIn(left(node), needOfEach(fleet)));
    return rooms.reduce((sum, count) => sum + count, 0) >= this.#missing(fleet, id);
  }

  /** How many of its machines are neither made nor have room that is kept for them. */
  #missing({ spec }: VmFleet, id: string | undefined): number {
    const replicas = spec?.replicas ?? 0;
    const known = id === undefined ? undefined : this.#model.get('vm_fleet', id);
    const kept = Object.keys((known as unknown as VmFleet)?.status?.reservations ?? {});
    const made = this.#model
      .list('vm')
      .flatMap(({ owner }) => (owner?.id === id && id !== undefined ? [owner?.device ?? ''] : []));
    const have = new Set([...kept, ...made].filter((index) => Number(index) < replicas));
    return replicas - have.size;
  }
}

function isOpen(node: Node, { spec }: VmFleet, model: WorldModel): boolean {
  if (node.status?.phase !== NodePhase.READY) return false;
  const disks = spec?.template.case === 'vm' ? Object.values(spec.template.value.disks) : [];
  return disks.every(({ source }) => {
    if (source.case !== 'volume') return true;
    const pool = model.get('storage_pool', source.value.poolId) as unknown as StoragePool;
    return pool?.status?.nodes[node.id]?.ready === true;
  });
}
