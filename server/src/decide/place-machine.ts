/** Which node a machine gets, and which nodes many get that are decided together. */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Lookup } from '../resource/lookup.js';
import { constraintsOf, demandOf, poolCheck } from './candidates.js';
import type { Capacity } from './capacity.js';
import { neighbourRules } from './neighbours.js';
import { type Constraints, decidePlacement, judgeNode, type Placement } from './placement.js';
import { wholeSpecOf } from './whole-spec.js';

/** What a placement is decided by. */
export interface PlacementWorld {
  readonly lookup: Lookup;
  readonly capacity: Capacity;
}

/** The node for a machine that has none: one that exists, or one whose volumes aren't made yet. */
export function placeMachine(vm: VirtualMachine, world: PlacementWorld): Placement {
  const spec = wholeSpecOf(vm);
  if (spec === undefined) return { kind: 'rejected', reasons: ['it has no spec'] };
  const constraints = constraintsFor(vm, world);
  return decidePlacement(demandOf(spec), constraints, world.capacity.candidates());
}

/** Whether a node that was decided before still suits a machine. */
export function stillFits(vm: VirtualMachine, nodeId: string, world: PlacementWorld): boolean {
  const node = world.capacity.candidate(nodeId);
  const spec = wholeSpecOf(vm);
  if (node === undefined || spec === undefined) return false;
  return judgeNode(node, demandOf(spec), constraintsFor(vm, world)).kind === 'for';
}

/** What came of placing machines one after the other, each with those before it in place. */
export interface PlacedTogether {
  /** The nodes, by the machines' ids. */
  readonly nodeIds: ReadonlyMap<string, string>;
  /** Machines that no node could take, with the reasons for the first of them. */
  readonly rejected: readonly VirtualMachine[];
  readonly reasons: readonly string[];
}

/** Decides on machines that don't exist yet. The capacity is afterwards as it was before. */
export function placeTogether(
  machines: readonly VirtualMachine[],
  world: PlacementWorld,
): PlacedTogether {
  const { occupancy } = world.capacity;
  const nodeIds = new Map<string, string>();
  const rejected: VirtualMachine[] = [];
  let reasons: readonly string[] = [];
  try {
    for (const vm of machines) {
      const placement = placeMachine(vm, world);
      if (placement.kind === 'placed') {
        nodeIds.set(vm.id, placement.nodeId);
        occupancy.hold(vm, placement.nodeId);
        continue;
      }
      if (rejected.length === 0) reasons = placement.reasons;
      rejected.push(vm);
    }
  } finally {
    for (const { id } of machines) occupancy.release(id);
  }
  return { nodeIds, rejected, reasons };
}

/** What a machine demands of its node, other machines and the volumes to be made included. */
export function constraintsFor(
  vm: VirtualMachine,
  { lookup, capacity }: PlacementWorld,
): Constraints {
  const placement = wholeSpecOf(vm)?.placement;
  const { occupancy } = capacity;
  const candidates = capacity.candidates();
  const rules = neighbourRules({ vm, placement, occupancy, candidates });
  const constraints = constraintsOf(vm, lookup, rules);
  if (lookup.get('vm', vm.id) !== undefined) return constraints;
  return { ...constraints, checks: [...constraints.checks, ...poolChecks(vm, lookup)] };
}

/** That a node can have the volumes which are made with the machine. */
function poolChecks(vm: VirtualMachine, lookup: Lookup): Constraints['checks'] {
  const poolIds = new Set<string>();
  for (const { source } of Object.values(wholeSpecOf(vm)?.disks ?? {})) {
    if (source.case === 'volume') poolIds.add(source.value.poolId);
  }
  return [...poolIds].flatMap((id) => {
    const pool = lookup.get<StoragePool>('storage_pool', id);
    return pool === undefined ? [] : [poolCheck(pool)];
  });
}
