/**
 * Heeds quotas: what a transaction takes of each project's, all of its resources together, and what
 * will be taken because of it. Where a
 * quota limits it, the project's record is a part of the transaction, with its usage as it will be:
 * no two transactions can take the same room.
 */
import { Code } from '@connectrpc/connect';
import { type Project, ProjectStatusSchema } from '@limiquantix/proto/identity/v1/project_pb.js';
import {
  type Amounts,
  amountsOf,
  isLimited,
  plus,
  type Shortfall,
  shortfallsOf,
  usageMessage,
} from '../decide/quota.js';
import { LimiError } from '../resource/error.js';
import { patched } from '../resource/patched.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { PlanContext } from './api-context.js';
import type { WritePlan } from './write-plan.js';

/** What a plan's projects have not enough of; `type` is what the request is about. */
export function heedQuota(
  { view, types, usage: usages }: PlanContext,
  plan: WritePlan,
  { type }: ResourceType,
  later?: { readonly projectId: string; readonly amounts: Amounts },
): readonly Shortfall[] {
  const found: Shortfall[] = [];
  const changes = changesIn(plan);
  if (later !== undefined && !changes.has(later.projectId)) changes.set(later.projectId, new Map());
  for (const [name, change] of changes) {
    const more = later?.projectId === name ? later.amounts : none;
    const project = view.findByName({ type: 'project', projectId: '', name }) as
      | Project
      | undefined;
    const all = plus(change, more);
    if (project === undefined || !isLimited(project, all)) continue;
    const usage = usages.of(name);
    found.push(...shortfallsOf({ project, type, usage, change: all }));
    const status = patched(ProjectStatusSchema, project.status, {
      usage: usageMessage(plus(usage, change)),
    });
    plan.takeTurn(`the quota of project ${name}`);
    plan.update(types.get('project'), { ...project, status }, project);
  }
  return found;
}

const none: Amounts = new Map();

/** What a plan takes, by project. */
function changesIn(plan: WritePlan): Map<string, Amounts> {
  const projects = new Map<string, Amounts>();
  for (const [name, given] of plan.givenBack) projects.set(name, plus(none, given, -1n));
  for (const { type, resource, previous } of plan.changes) {
    const before = projects.get(resource.projectId) ?? new Map();
    const after = plus(before, amountsOf(type.type, resource));
    const taken = previous === undefined ? after : plus(after, amountsOf(type.type, previous), -1n);
    projects.set(resource.projectId, taken);
  }
  return projects;
}

/** RESOURCE_EXHAUSTED with all that there is not enough of. */
export const quotaExceeded = (shortfalls: readonly Shortfall[]): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'QUOTA_EXCEEDED',
    message: shortfalls.map(({ message }) => message).join('; '),
    violations: shortfalls.filter(({ path }) => path !== ''),
    quotas: shortfalls.map(({ project, message }) => ({ subject: `project:${project}`, message })),
  });
