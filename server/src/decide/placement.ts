/**
 * Which node a virtual machine gets. Pure: the candidates with what is used on them come in; a node
 * with the reason for it, or the reason against each node, goes out.
 */

/** What a machine needs of its node. */
export interface Demand {
  readonly vcpus: number;
  readonly memoryMib: number;
}

/** A node that may be chosen. */
export interface Candidate {
  readonly id: string;
  readonly name: string;
  readonly labels: { readonly [key: string]: string };
  readonly ready: boolean;
  readonly schedulable: boolean;
  /** What the node gives in all: after overcommit and without what is reserved. */
  readonly capacity: Demand;
  /** What machines have of it. */
  readonly used: Demand;
}

/** What a machine demands of the choice. */
export interface Constraints {
  /** Only these nodes; any when empty. */
  readonly requiredNodeIds: readonly string[];
  readonly excludedNodeIds: readonly string[];
  readonly requiredLabels: { readonly [key: string]: string };
  /** Only nodes for which each of these holds, with the reason why not. */
  readonly checks: readonly ((node: Candidate) => string | undefined)[];
}

/** The choice. */
export type Placement =
  | { readonly kind: 'placed'; readonly nodeId: string; readonly reasons: readonly string[] }
  | { readonly kind: 'rejected'; readonly reasons: readonly string[] };

/**
 * Chooses the node that stays the emptiest, in the scarcer of processors and memory; ties by name.
 */
export function decidePlacement(
  demand: Demand,
  constraints: Constraints,
  candidates: readonly Candidate[],
): Placement {
  const reasons: string[] = [];
  let best: { node: Candidate; load: number } | undefined;
  for (const node of candidates) {
    const against = reasonAgainst(node, demand, constraints);
    if (against !== undefined) {
      reasons.push(`${node.name}: ${against}`);
      continue;
    }
    const load = loadWith(node, demand);
    if (
      best === undefined ||
      load < best.load ||
      (load === best.load && node.name < best.node.name)
    ) {
      best = { node, load };
    }
  }
  if (best === undefined) {
    return { kind: 'rejected', reasons: reasons.length > 0 ? reasons : ['there is no node yet'] };
  }
  const percent = Math.round(best.load * 100);
  return {
    kind: 'placed',
    nodeId: best.node.id,
    reasons: [`${best.node.name}: the least loaded that fits, ${percent} % with this machine`],
  };
}

/** Why no node could ever take the machine, even an empty one; undefined if one could. */
export function refuseImpossible(
  demand: Demand,
  constraints: Constraints,
  candidates: readonly Candidate[],
): readonly string[] | undefined {
  const empty = candidates.map((node) => ({
    ...node,
    ready: true,
    schedulable: true,
    used: { vcpus: 0, memoryMib: 0 },
  }));
  if (empty.length === 0) return undefined;
  const placement = decidePlacement(demand, { ...constraints, checks: [] }, empty);
  return placement.kind === 'rejected' ? placement.reasons : undefined;
}

function reasonAgainst(
  node: Candidate,
  demand: Demand,
  constraints: Constraints,
): string | undefined {
  if (constraints.requiredNodeIds.length > 0 && !constraints.requiredNodeIds.includes(node.id)) {
    return 'is not among the required nodes';
  }
  if (constraints.excludedNodeIds.includes(node.id)) return 'is excluded';
  for (const [key, value] of Object.entries(constraints.requiredLabels)) {
    if (node.labels[key] !== value) return `lacks the label ${key}=${value}`;
  }
  if (!node.ready) return 'is not ready';
  if (!node.schedulable) return 'takes no new machines (schedulable = false)';
  for (const check of constraints.checks) {
    const against = check(node);
    if (against !== undefined) return against;
  }
  return shortfall(node, demand);
}

function shortfall(node: Candidate, demand: Demand): string | undefined {
  const missing: string[] = [];
  const memoryFree = node.capacity.memoryMib - node.used.memoryMib;
  if (demand.memoryMib > memoryFree) {
    const short = demand.memoryMib - memoryFree;
    missing.push(
      `${short} MiB of memory are missing (asked ${demand.memoryMib}, free ${memoryFree} of ${node.capacity.memoryMib})`,
    );
  }
  const vcpusFree = node.capacity.vcpus - node.used.vcpus;
  if (demand.vcpus > vcpusFree) {
    missing.push(
      `${demand.vcpus - vcpusFree} vCPUs are missing (asked ${demand.vcpus}, free ${vcpusFree} of ${node.capacity.vcpus})`,
    );
  }
  return missing.length > 0 ? missing.join(' and ') : undefined;
}

function loadWith(node: Candidate, demand: Demand): number {
  const cpu = (node.used.vcpus + demand.vcpus) / Math.max(1, node.capacity.vcpus);
  const memory = (node.used.memoryMib + demand.memoryMib) / Math.max(1, node.capacity.memoryMib);
  return Math.max(cpu, memory);
}
