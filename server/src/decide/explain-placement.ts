/**
 * Where a machine would go now, and what speaks for and against each node: the same judgement as
 * when it is placed. Pure.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Lookup } from '../resource/lookup.js';
import { candidateOf, constraintsOf, demandOf } from './candidates.js';
import { neighbourRules } from './neighbours.js';
import { Occupancy } from './occupancy.js';
import { type Candidate, isBetter, type Judgement, judgeNode } from './placement.js';
import { wholeSpecOf } from './whole-spec.js';

/** What speaks for and against a node. */
export interface NodeExplanation {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly feasible: boolean;
  /** For people. */
  readonly reason: string;
  /** From 0 to 1. */
  readonly load: number;
}

/** The node that it would get, empty for none, and of each node why or why not, the best first. */
export interface PlacementExplanation {
  readonly nodeId: string;
  readonly nodes: NodeExplanation[];
}

/** Explains the placement of a machine as if it had no node. */
export function explainPlacement(vm: VirtualMachine, lookup: Lookup): PlacementExplanation {
  const spec = wholeSpecOf(vm);
  if (spec === undefined) return { nodeId: '', nodes: [] };
  const occupancy = new Occupancy();
  for (const other of lookup.list<VirtualMachine>('vm')) {
    const nodeId = other.status?.nodeId ?? '';
    if (nodeId !== '' && other.id !== vm.id) occupancy.hold(other, nodeId);
  }
  const candidates = lookup
    .list<Node>('node')
    .map((node) => candidateOf(node, occupancy.usedOf(node.id)));
  const rules = neighbourRules({ vm, placement: spec.placement, occupancy, candidates });
  const constraints = constraintsOf(vm, lookup, rules);
  const judged = candidates
    .map((node) => ({ node, judgement: judgeNode(node, demandOf(spec), constraints) }))
    .sort((a, b) => (isBefore(a, b) ? -1 : 1));
  const nodes = judged.map(explanationOf);
  return { nodeId: nodes.find(({ feasible }) => feasible)?.nodeId ?? '', nodes };
}

interface Judged {
  readonly node: Candidate;
  readonly judgement: Judgement;
}

function isBefore({ node: a, judgement: x }: Judged, { node: b, judgement: y }: Judged): boolean {
  if (x.kind === 'for' && y.kind === 'for') {
    return isBetter({ node: a, judgement: x }, { node: b, judgement: y });
  }
  return x.kind === y.kind ? a.name < b.name : x.kind === 'for';
}

function explanationOf({ node, judgement }: Judged): NodeExplanation {
  const at = { nodeId: node.id, nodeName: node.name };
  if (judgement.kind === 'against') {
    return { ...at, feasible: false, reason: judgement.reason, load: 0 };
  }
  const { load, unmet, unwelcome } = judgement;
  const said = [
    `${Math.round(load * 100)} % with this machine`,
    ...(unmet > 0 ? [`${unmet} preferences not met`] : []),
    ...(unwelcome > 0 ? [`${unwelcome} taints would rather have none`] : []),
  ];
  return { ...at, feasible: true, reason: said.join(', '), load };
}
