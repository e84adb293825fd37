/**
 * Rules about where other machines are: affinity, anti-affinity and spread, as judgements of nodes.
 * A rule is vacuous while none of the machines that it means is placed, so that the first of a
 * group can go anywhere. Pure.
 */
import {
  AffinityRuleSchema,
  type PlacementSpec,
  SpreadRuleSchema,
  type VirtualMachine,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { effective } from '../resource/default-values.js';
import type { Occupancy } from './occupancy.js';
import type { Candidate, NeighbourRule } from './placement.js';

/** Which machines are meant: those named, and those of the project that have all the labels. */
export interface Selector {
  readonly projectId: string;
  readonly vmIds: readonly string[];
  readonly vmLabels: { readonly [key: string]: string };
}

/** What of a machine selectors look at. */
export type Selectable = Pick<VirtualMachine, 'id' | 'projectId' | 'labels'>;

/** Whether a selector means a machine. */
export function selects(selector: Selector, vm: Selectable): boolean {
  if (selector.vmIds.includes(vm.id)) return true;
  const wanted = Object.entries(selector.vmLabels);
  if (wanted.length === 0 || vm.projectId !== selector.projectId) return false;
  return wanted.every(([key, value]) => vm.labels[key] === value);
}

/** What is judged: a machine, among the machines that have a node. */
export interface NeighbourQuestion {
  readonly vm: VirtualMachine;
  readonly placement: PlacementSpec | undefined;
  readonly occupancy: Occupancy;
  readonly candidates: readonly Candidate[];
}

/** The rules that hold for a machine, its own and those of machines that keep it away. */
export function neighbourRules(question: NeighbourQuestion): NeighbourRule[] {
  const { placement } = question;
  return [
    ...affinityRules(question, placement?.affinity ?? {}, 'near'),
    ...affinityRules(question, placement?.antiAffinity ?? {}, 'apart'),
    ...spreadRules(question),
    ...repellingRules(question),
  ];
}

function affinityRules(
  { vm, occupancy, candidates }: NeighbourQuestion,
  rules: PlacementSpec['affinity'],
  kind: 'near' | 'apart',
): NeighbourRule[] {
  return Object.entries(rules).flatMap(([name, rule]) => {
    const selector = { projectId: vm.projectId, vmIds: rule.vmIds, vmLabels: rule.vmLabels };
    const counts = byDomain(occupancy.countsOf(selector, vm.id), candidates, rule.topologyLabel);
    if (counts.size === 0) return [];
    const required = effective(AffinityRuleSchema, rule, 'required');
    const word = kind === 'near' ? 'affinity' : 'anti_affinity';
    const where = rule.topologyLabel === undefined ? '' : ` by the label ${rule.topologyLabel}`;
    const what = kind === 'near' ? 'is not near the machines' : 'is near machines';
    const why = `${what} of ${word} rule ${name}${where}`;
    const against = (node: Candidate): string | undefined => {
      const isNear = counts.has(domainOf(node, rule.topologyLabel) ?? '');
      return isNear === (kind === 'near') ? undefined : why;
    };
    return [{ required, against }];
  });
}

function spreadRules({ vm, placement, occupancy, candidates }: NeighbourQuestion): NeighbourRule[] {
  return Object.entries(placement?.spread ?? {}).map(([label, rule]) => {
    const selector = { projectId: vm.projectId, vmIds: [], vmLabels: rule.vmLabels };
    const counts = new Map<string, number>();
    for (const node of candidates) {
      const domain = node.ready && node.schedulable ? domainOf(node, label) : undefined;
      if (domain !== undefined) counts.set(domain, 0);
    }
    const placed = byDomain(occupancy.countsOf(selector, vm.id), candidates, label);
    for (const [domain, count] of placed) counts.set(domain, count);
    const least = Math.min(...counts.values());
    const maxSkew = effective(SpreadRuleSchema, rule, 'maxSkew');
    const against = (node: Candidate): string | undefined => {
      const domain = domainOf(node, label);
      if (domain === undefined) return `lacks the label ${label} of a spread rule`;
      const skew = (counts.get(domain) ?? 0) + 1 - least;
      if (skew <= maxSkew) return undefined;
      return `${label}=${domain} would have ${skew} machines more than the emptiest (max_skew ${maxSkew})`;
    };
    return { required: effective(SpreadRuleSchema, rule, 'required'), against };
  });
}

function repellingRules({ vm, occupancy, candidates }: NeighbourQuestion): NeighbourRule[] {
  const why = 'has machines that want to be apart from this one';
  return occupancy.repelled(vm).map(({ nodes, topologyLabel }) => {
    const closed = byDomain(nodes, candidates, topologyLabel);
    return {
      required: true,
      against: (node: Candidate) =>
        closed.has(domainOf(node, topologyLabel) ?? '') ? why : undefined,
    };
  });
}

/** What counts as one place: the node itself, or all nodes with the label's same value. */
function domainOf(node: Candidate, topologyLabel: string | undefined): string | undefined {
  return topologyLabel === undefined ? node.id : node.labels[topologyLabel];
}

function byDomain(
  counts: ReadonlyMap<string, number>,
  candidates: readonly Candidate[],
  topologyLabel: string | undefined,
): ReadonlyMap<string, number> {
  if (topologyLabel === undefined || counts.size === 0) return counts;
  const domains = new Map<string, number>();
  for (const node of candidates) {
    const count = counts.get(node.id);
    const domain = count === undefined ? undefined : node.labels[topologyLabel];
    if (domain !== undefined) domains.set(domain, (domains.get(domain) ?? 0) + (count ?? 0));
  }
  return domains;
}
