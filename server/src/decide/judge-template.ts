/**
 * The verdict on a template that changes, and on each fleet that follows it: whether there is room
 * and quota to follow. Of the template it is told as a warning, for the fleets may change after it
 * in the same plan and make room; of a fleet, which is judged after all that, as what is missing.
 * Pure.
 */
import { FleetRolloutSchema, type VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import type { Project } from '@limiquantix/proto/identity/v1/project_pb.js';
import { ShortfallKind } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { effective } from '../resource/default-values.js';
import { LimiError } from '../resource/error.js';
import { membersOf, templateOf } from './admit-fleet.js';
import type { Capacity } from './capacity.js';
import { type MachineOf, machinesOf } from './fleet-machine.js';
import { growthOf } from './fleet-quota.js';
import { growthByNode, sumOf } from './fleet-shortfall.js';
import type { Judged, JudgeInput } from './judge.js';
import { type Demand, noDemand } from './placement.js';
import { type Amounts, isLimited, plus, shortfallsOf } from './quota.js';
import { freeOf, type Quantity, quantities } from './vm-growth.js';

interface Follower {
  readonly fleet: VmFleet;
  readonly machineOf: MachineOf;
}

/** Judges a template that changes; a new one has no followers. */
export function judgeTemplate(input: JudgeInput<VmTemplate>): Judged {
  const warnings: { path: string; message: string }[] = [];
  const followers: Follower[] = [];
  for (const fleet of followersOf(input)) {
    const follower = follow(input, fleet);
    if (typeof follower === 'string') {
      const message = `fleet ${fleet.name} can't follow: ${follower}`;
      warnings.push({ path: 'spec.parameters', message });
    } else followers.push(follower);
  }
  for (const { path = '', message = '' } of lacksOf(input, followers)) {
    warnings.push({ path, message: `as the fleets that follow it are now, ${message}` });
  }
  return { nodeId: '', reasons: [], shortfalls: [], warnings };
}

/** Judges a fleet that stays as it is while its template changes. */
export function judgeFollower(input: JudgeInput<VmFleet>): Judged {
  const { next: fleet, lookup } = input;
  const nothing = { nodeId: '', reasons: [], shortfalls: [], warnings: [] };
  const template = templateOf(fleet, { lookup });
  if (template === undefined || isPaused(fleet)) return nothing;
  const path = 'spec.template_id';
  const follower = follow({ ...input, next: template }, fleet);
  if (typeof follower === 'string') {
    return { ...nothing, warnings: [{ path, message: `can't follow its template: ${follower}` }] };
  }
  const shortfalls = lacksOf(input, [follower]).map((one) => ({ ...one, path }));
  return { ...nothing, shortfalls };
}

type World = Pick<JudgeInput, 'lookup' | 'capacity' | 'usageOf'>;

const lacksOf = (world: World, followers: readonly Follower[]): Judged['shortfalls'] => [
  ...roomShortfalls(world, followers),
  ...quotaShortfalls(world, followers),
];

/** The fleets that the template will change: those that are paused follow when they go on. */
function followersOf({ next, lookup }: JudgeInput<VmTemplate>): readonly VmFleet[] {
  return lookup.referrers<VmFleet>('vm_fleet', next.id).filter((fleet) => {
    const { spec, deletionRequestedAt } = fleet;
    if (spec?.template.case !== 'templateId' || spec.template.value !== next.id) return false;
    return deletionRequestedAt === undefined && !isPaused(fleet);
  });
}

const isPaused = ({ spec }: VmFleet): boolean =>
  effective(FleetRolloutSchema, spec?.rollout, 'paused');

/** What a fleet's machines would be; why there is no telling, where its parameters don't fit. */
function follow(
  { next: template, validate }: Pick<JudgeInput<VmTemplate>, 'next' | 'validate'>,
  fleet: VmFleet,
): Follower | string {
  try {
    const machineOf = machinesOf({ fleet, template, validate });
    machineOf(0);
    return { fleet, machineOf };
  } catch (error) {
    if (error instanceof LimiError) return error.message;
    throw error;
  }
}

const nodesShownMax = 4;

function roomShortfalls(
  { lookup, capacity }: World,
  followers: readonly Follower[],
): Judged['shortfalls'] {
  const growth = new Map<string, Demand>();
  for (const { fleet, machineOf } of followers) {
    const members = membersOf(fleet, { lookup });
    for (const [nodeId, more] of growthByNode({ fleet, members, machineOf })) {
      growth.set(nodeId, sumOf([growth.get(nodeId) ?? noDemand, more]));
    }
  }
  const names = followers.map(({ fleet }) => fleet.name).join(', ');
  return quantities.flatMap((quantity) => {
    const { name, unit } = quantity;
    const short = [...growth].flatMap(([nodeId, more]) => lackOf(capacity, nodeId, more, quantity));
    const [worst, ...rest] = short.sort((a, b) => b.missing - a.missing);
    if (worst === undefined) return [];
    const shown = [worst, ...rest].slice(0, nodesShownMax).map(({ text }) => `${text} ${unit}`);
    const more = short.length > nodesShownMax ? ` and ${short.length - nodesShownMax} more` : '';
    const message =
      `machines of ${names} would outgrow their nodes: ` +
      `${shown.join('; ')}${more}; ask for less, or free the nodes`;
    const { requested, available } = worst;
    const path = quantity.path.replace(/^spec/, 'spec.vm');
    return [{ kind: ShortfallKind.CAPACITY, quantity: name, requested, available, path, message }];
  });
}

function lackOf(capacity: Capacity, nodeId: string, more: Demand, quantity: Quantity) {
  const { key } = quantity;
  const node = capacity.candidate(nodeId);
  if (node === undefined || more[key] <= 0) return [];
  const free = freeOf(node, quantity);
  const missing = more[key] - free;
  if (missing <= 0) return [];
  const text = `${node.name} has ${free} left, and they need ${more[key]} more`;
  return [{ missing, requested: BigInt(more[key]), available: BigInt(free), text }];
}

function quotaShortfalls(
  { lookup, usageOf }: World,
  followers: readonly Follower[],
): Judged['shortfalls'] {
  const changes = new Map<string, Amounts>();
  for (const { fleet, machineOf } of followers) {
    const growth = growthOf({ fleet, members: membersOf(fleet, { lookup }), machineOf });
    changes.set(fleet.projectId, plus(changes.get(fleet.projectId) ?? new Map(), growth));
  }
  return [...changes].flatMap(([name, change]) => {
    const project = lookup.findByName({ type: 'project', projectId: '', name }) as
      | Project
      | undefined;
    if (project === undefined || !isLimited(project, change)) return [];
    return shortfallsOf({ project, type: 'vm_template', usage: usageOf(name), change });
  });
}
