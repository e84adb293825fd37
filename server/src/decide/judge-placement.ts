/**
 * The verdict on a machine that isn't made or changed yet: the node that it would get with the
 * reason, or what there is not enough of. Pure.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { demandOf } from './candidates.js';
import { demandOfVm } from './fleet-shortfall.js';
import type { Judged, JudgeInput } from './judge.js';
import { constraintsFor, placeMachine } from './place-machine.js';
import { type Candidate, type Constraints, type Demand, judgeNode, noDemand } from './placement.js';
import {
  freeOf,
  outgrown,
  type Quantity,
  quantities,
  type Shortfall,
  shortfallOf,
} from './vm-growth.js';
import { wholeSpecOf } from './whole-spec.js';

/** Judges a machine that is to be made or changed; `capacity` does not count it. */
export function judgePlacement(input: JudgeInput<VirtualMachine>): Judged {
  const { next, previous, capacity } = input;
  const spec = wholeSpecOf(next);
  if (spec === undefined) return { nodeId: '', reasons: [], shortfalls: [], warnings: [] };
  const demand = demandOf(spec);
  const node = capacity.candidate(previous?.status?.nodeId ?? '');
  if (node !== undefined) return judgeGrowth(demand, node, previous);
  const placement = placeMachine(next, input);
  const { reasons } = placement;
  if (placement.kind === 'placed') {
    return { nodeId: placement.nodeId, reasons, shortfalls: [], warnings: [] };
  }
  const constraints = constraintsFor(next, input);
  const open = capacity.candidates().filter((one) => isOpen(one, constraints));
  if (open.length > 0) {
    return { nodeId: '', reasons, shortfalls: missing(demand, open, input.planned), warnings: [] };
  }
  const message = `no node can take the machine now: ${shortened(reasons)}`;
  return { nodeId: '', reasons, shortfalls: [], warnings: [{ path: 'spec.placement', message }] };
}

/** Whether a node would take the machine if only it were small enough. */
const isOpen = (node: Candidate, constraints: Constraints): boolean =>
  judgeNode(node, noDemand, constraints).kind === 'for';

/** What is too much for every one of the nodes that would take the machine. */
function missing(demand: Demand, open: readonly Candidate[], planned: number): Shortfall[] {
  const short = quantities.flatMap((quantity) => {
    const roomiest = roomiestOf(open, quantity);
    if (demand[quantity.key] <= freeOf(roomiest, quantity)) return [];
    return [
      shortfall({
        demand,
        quantity,
        node: roomiest,
        planned,
        only: 'the most that one has left is',
      }),
    ];
  });
  if (short.length > 0) return short;
  // Each is there somewhere, and nowhere both: what lacks where the other is.
  const [memory, vcpus] = quantities;
  const node = roomiestOf(open, vcpus);
  return [
    shortfall({ demand, quantity: memory, node, planned, only: 'where the vCPUs are, there are' }),
  ];
}

const roomiestOf = (nodes: readonly Candidate[], quantity: Quantity): Candidate =>
  nodes.reduce((best, node) => (freeOf(node, quantity) > freeOf(best, quantity) ? node : best));

function shortfall(of: {
  readonly demand: Demand;
  readonly quantity: Quantity;
  readonly node: Candidate;
  readonly planned: number;
  readonly only: string;
}): Shortfall {
  const { demand, quantity, node, planned, only } = of;
  const [requested, available] = [demand[quantity.key], freeOf(node, quantity)];
  const after =
    planned === 0
      ? ''
      : `, with the ${planned} other ${planned === 1 ? 'machine' : 'machines'} of this plan`;
  return shortfallOf(
    quantity,
    { requested, available },
    `no node has room: ${requested} ${quantity.unit} are needed on one node, and ${only} ${available} ` +
      `of ${node.capacity[quantity.key]} (${node.name})${after}; ask for less, or add or free a node`,
  );
}

/** A machine stays on its node while it grows: it must fit there. */
function judgeGrowth(after: Demand, node: Candidate, previous: VirtualMachine | undefined): Judged {
  const before = previous === undefined ? noDemand : demandOfVm(previous);
  const shortfalls = outgrown({ before, after }, node);
  return { nodeId: node.id, reasons: [`${node.name}: it is there`], shortfalls, warnings: [] };
}

const reasonsShownMax = 8;

function shortened(reasons: readonly string[]): string {
  const more =
    reasons.length > reasonsShownMax ? ` and ${reasons.length - reasonsShownMax} more` : '';
  return `${reasons.slice(0, reasonsShownMax).join('; ')}${more}`;
}
