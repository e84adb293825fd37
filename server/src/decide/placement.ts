/**
 * Which node a virtual machine gets. Pure: the candidates with what is used on them come in; a node
 * with the reason for it, or the reason against each node, goes out.
 */

import { TaintEffect, type Toleration } from '@limiquantix/proto/compute/v1/vm_pb.js';

/** What a machine needs of its node. */
export interface Demand {
  readonly vcpus: number;
  readonly memoryMib: number;
}

/** The demand of nothing. */
export const noDemand: Demand = { vcpus: 0, memoryMib: 0 };

/** What keeps machines away from a node that don't bear it. */
export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: TaintEffect;
}

/** A node that may be chosen. */
export interface Candidate {
  readonly id: string;
  readonly name: string;
  /** Its labels, and where it stands. */
  readonly labels: { readonly [key: string]: string };
  readonly taints: readonly Taint[];
  /** Whether its agent has said what it has. */
  readonly reported?: boolean;
  readonly ready: boolean;
  readonly schedulable: boolean;
  /** What the node gives in all: after overcommit and without what is reserved. */
  readonly capacity: Demand;
  /** What machines have of it. */
  readonly used: Demand;
}

/** A rule about other machines. */
export interface NeighbourRule {
  /** Whether a node that breaks it is out of the question. */
  readonly required: boolean;
  /** Why a node breaks it; undefined where it holds. */
  readonly against: (node: Candidate) => string | undefined;
}

/** What a machine demands of the choice. */
export interface Constraints {
  /** Only these nodes; any when empty. */
  readonly requiredNodeIds: readonly string[];
  readonly excludedNodeIds: readonly string[];
  readonly requiredLabels: { readonly [key: string]: string };
  readonly preferredNodeIds: readonly string[];
  readonly preferredLabels: { readonly [key: string]: string };
  /** The taints that it bears, by key. */
  readonly tolerations: { readonly [key: string]: Toleration };
  /** Where it may or would rather be for the sake of other machines. */
  readonly neighbours: readonly NeighbourRule[];
  /** Only nodes for which each of these holds, with the reason why not. */
  readonly checks: readonly ((node: Candidate) => string | undefined)[];
}

/** The choice. */
export type Placement =
  | { readonly kind: 'placed'; readonly nodeId: string; readonly reasons: readonly string[] }
  | { readonly kind: 'rejected'; readonly reasons: readonly string[] };

/** What speaks for and against a node. */
export type Judgement =
  | { readonly kind: 'against'; readonly reason: string }
  | {
      readonly kind: 'for';
      /** Taints that would rather have no machine. */
      readonly unwelcome: number;
      /** Preferences of the machine that the node doesn't meet. */
      readonly unmet: number;
      /** The share of the scarcer of processors and memory that is given away with the machine. */
      readonly load: number;
    };

/**
 * Chooses a node: first by taints that would rather have none, then by the most preferences met,
 * then the one that stays the emptiest in the scarcer of processors and memory; ties by name.
 */
export function decidePlacement(
  demand: Demand,
  constraints: Constraints,
  candidates: readonly Candidate[],
): Placement {
  const best = bestOf(demand, constraints, candidates);
  if (best === undefined) {
    return { kind: 'rejected', reasons: reasonsAgainst(demand, constraints, candidates) };
  }
  const { node, judgement } = best;
  const percent = Math.round(judgement.load * 100);
  const unmet = judgement.unmet === 0 ? '' : `, ${judgement.unmet} preferences not met`;
  return {
    kind: 'placed',
    nodeId: node.id,
    reasons: [`${node.name}: the least loaded that fits, ${percent} % with this machine${unmet}`],
  };
}

/** Nodes whose reasons are told. */
const reasonsMax = 64;

/** Why each node can't take the machine, of the first ones. */
function reasonsAgainst(
  demand: Demand,
  constraints: Constraints,
  candidates: readonly Candidate[],
): readonly string[] {
  if (candidates.length === 0) return ['there is no node yet'];
  const reasons = candidates.slice(0, reasonsMax).flatMap((node) => {
    const reason = reasonAgainst(node, demand, constraints);
    return reason === undefined ? [] : [`${node.name}: ${reason}`];
  });
  const more = candidates.length - reasonsMax;
  return more > 0 ? [...reasons, `and ${more} more nodes`] : reasons;
}

/**
 * The best of thousands of nodes: numbers are compared first, and what is costly to judge only for
 * a node that would be better.
 */
function bestOf(
  demand: Demand,
  constraints: Constraints,
  candidates: readonly Candidate[],
): Scored | undefined {
  const isOut = closedTo(constraints);
  let best: Scored | undefined;
  // The load and name of a node that meets every wish: only an emptier one beats it.
  let loadToBeat = Number.POSITIVE_INFINITY;
  for (const node of candidates) {
    const { capacity, used } = node;
    const vcpus = used.vcpus + demand.vcpus;
    const memoryMib = used.memoryMib + demand.memoryMib;
    if (vcpus > capacity.vcpus || memoryMib > capacity.memoryMib) continue;
    const load = Math.max(vcpus / capacity.vcpus, memoryMib / capacity.memoryMib);
    if (load > loadToBeat || (load === loadToBeat && node.name > (best?.node.name ?? ''))) continue;
    if (isOut(node)) continue;
    const judgement = judgeNode(node, demand, constraints);
    if (judgement.kind === 'against') continue;
    const scored = { node, judgement };
    if (best !== undefined && !isBetter(scored, best)) continue;
    best = scored;
    if (judgement.unmet === 0 && judgement.unwelcome === 0) loadToBeat = judgement.load;
  }
  return best;
}

/** A quick look for what most often rules a node out. */
function closedTo({ neighbours }: Constraints): (node: Candidate) => boolean {
  const required = neighbours.filter((rule) => rule.required);
  return (node) => {
    if (!node.ready || !node.schedulable) return true;
    for (const rule of required) if (rule.against(node) !== undefined) return true;
    return false;
  };
}

/** Judges one node. */
export function judgeNode(node: Candidate, demand: Demand, constraints: Constraints): Judgement {
  const reason = reasonAgainst(node, demand, constraints);
  if (reason !== undefined) return { kind: 'against', reason };
  return {
    kind: 'for',
    unwelcome: unwelcomeTaints(node, constraints),
    unmet: unmetPreferences(node, constraints),
    load: loadWith(node, demand),
  };
}

/** A node that could take the machine. */
export interface Scored {
  readonly node: Candidate;
  readonly judgement: Judgement & { readonly kind: 'for' };
}

/** Whether a node that could take the machine suits it better than another. */
export function isBetter(
  { node, judgement: a }: Scored,
  { node: other, judgement: b }: Scored,
): boolean {
  if (a.unwelcome !== b.unwelcome) return a.unwelcome < b.unwelcome;
  if (a.unmet !== b.unmet) return a.unmet < b.unmet;
  return a.load === b.load ? node.name < other.name : a.load < b.load;
}

/** Why no node could ever take the machine, even an empty one; undefined if one could. */
export function refuseImpossible(
  demand: Demand,
  constraints: Constraints,
  candidates: readonly Candidate[],
): readonly string[] | undefined {
  if (candidates.length === 0) return undefined;
  const alone = { ...constraints, neighbours: [], checks: [] };
  const emptied = (node: Candidate): Candidate => {
    const used = { vcpus: 0, memoryMib: 0 };
    return { ...node, taints: [], ready: true, schedulable: true, used };
  };
  const couldTake = (node: Candidate): boolean =>
    demand.vcpus <= node.capacity.vcpus &&
    demand.memoryMib <= node.capacity.memoryMib &&
    reasonAgainst(emptied(node), demand, alone) === undefined;
  if (candidates.some(couldTake)) return undefined;
  return reasonsAgainst(demand, alone, candidates.slice(0, reasonsMax).map(emptied));
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
  const taint = node.taints.find((one) => isClosing(one) && !isTolerated(one, constraints));
  if (taint !== undefined) return `has the taint ${taintText(taint)}`;
  for (const check of constraints.checks) {
    const against = check(node);
    if (against !== undefined) return against;
  }
  for (const rule of constraints.neighbours) {
    const against = rule.required ? rule.against(node) : undefined;
    if (against !== undefined) return against;
  }
  return shortfall(node, demand);
}

function isClosing({ effect }: Taint): boolean {
  return effect === TaintEffect.NO_SCHEDULE || effect === TaintEffect.NO_EXECUTE;
}

function isTolerated(taint: Taint, { tolerations }: Constraints): boolean {
  const toleration = tolerations[taint.key];
  if (toleration === undefined) return false;
  const isValue = toleration.value === undefined || toleration.value === taint.value;
  return isValue && (toleration.effect === 0 || toleration.effect === taint.effect);
}

function taintText({ key, value }: Taint): string {
  return value === '' ? key : `${key}=${value}`;
}

function unwelcomeTaints(node: Candidate, constraints: Constraints): number {
  return node.taints.filter((taint) => !isClosing(taint) && !isTolerated(taint, constraints))
    .length;
}

function unmetPreferences(node: Candidate, constraints: Constraints): number {
  const { preferredNodeIds, preferredLabels, neighbours } = constraints;
  let unmet = preferredNodeIds.length > 0 && !preferredNodeIds.includes(node.id) ? 1 : 0;
  for (const [key, value] of Object.entries(preferredLabels)) {
    if (node.labels[key] !== value) unmet += 1;
  }
  for (const rule of neighbours) {
    if (!rule.required && rule.against(node) !== undefined) unmet += 1;
  }
  return unmet;
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
