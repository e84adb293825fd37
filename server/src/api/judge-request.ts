/**
 * What `validate_only` answers: a request is planned as ever, on the resources as the rest of its
 * plan would leave them, and judged; nothing is written. What it comes to is kept in its plan's
 * session for those that follow.
 */
import { create } from '@bufbuild/protobuf';
import { type Verdict, VerdictSchema } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Judged } from '../decide/judge.js';
import { followerJudges } from '../decide/judge-table.js';
import { poolShortfalls } from '../decide/pool-room.js';
import type { Account, Amounts } from '../decide/quota.js';
import { worstDisruption } from '../resource/changes.js';
import { writeField } from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Admission, Admitted } from './admit.js';
import { type ApiContext, freshen, mustFind, type PlanContext } from './api-context.js';
import type { DraftChange } from './draft.js';
import type { PlanSession, Subject } from './plan-sessions.js';
import { unsupportedNotices } from './unsupported-notices.js';
import type { WritePlan } from './write-plan.js';

/** What a request would come to. */
export interface JudgedRequest {
  /** As it would be, with what can be said of it. */
  readonly resource: AnyResource;
  readonly verdict: Verdict;
}

/** Whose plan a request belongs to. */
export interface PlanMember {
  readonly caller: string;
  /** The client's word for its plan; empty for a request of its own. */
  readonly planId: string;
}

/** How a request is planned: `create-resource.ts` and `update-resource.ts` know. */
export type PlanRequest = (
  context: PlanContext,
) => (Admitted & { readonly changes?: Parameters<typeof worstDisruption>[0] }) | undefined;

/** Judges a creation. Throws what creating would throw. */
export async function judgeCreation(
  context: ApiContext,
  { type, next }: Pick<Admission, 'type' | 'next'>,
  member: PlanMember,
  plan: PlanRequest,
): Promise<JudgedRequest> {
  const { projectId, name } = next;
  const subject: Subject = { kind: 'new', type: type.type, projectId, name };
  return judge(context, { type, subject, previous: undefined, member, plan });
}

/** Judges a change. Throws what updating would throw. */
export async function judgeChange(
  context: ApiContext,
  { type, id }: { readonly type: ResourceType; readonly id: string },
  member: PlanMember,
  plan: PlanRequest,
): Promise<JudgedRequest> {
  await freshen(context);
  const previous = mustFind(context, type, id);
  const subject: Subject = { kind: 'existing', type: type.type, id };
  return judge(context, { type, subject, previous, member, plan });
}

/** Notes in a plan that a resource goes, and what it owns: what they have is free for others. */
export async function noteDeletion(
  context: ApiContext,
  { type, id }: { readonly type: ResourceType; readonly id: string },
  { caller, planId }: PlanMember,
): Promise<AnyResource> {
  await freshen(context);
  const resource = mustFind(context, type, id);
  const session = context.plans.of(caller, planId);
  const owned = context.types.types.flatMap((other) =>
    context.view
      .referrers(other.type, id)
      .filter(({ owner }) => owner?.id === id)
      .map((child): DraftChange => ({ type: other, id: child.id, resource: undefined })),
  );
  session.keep({ kind: 'existing', type: type.type, id }, [
    { type, id, resource: undefined },
    ...owned,
  ]);
  return resource;
}

interface Question {
  readonly type: ResourceType;
  readonly subject: Subject;
  readonly previous: AnyResource | undefined;
  readonly member: PlanMember;
  readonly plan: PlanRequest;
}

async function judge(context: ApiContext, question: Question): Promise<JudgedRequest> {
  const { type, subject, previous, member, plan } = question;
  await freshen(context);
  const session = context.plans.of(member.caller, member.planId);
  session.forget(subject);
  const planned = plan(within(context, session));
  const usageOf = (account: Account): Amounts => session.usageOf(account, context.usage);
  if (planned === undefined) {
    const same = previous ?? (create(type.message) as AnyResource);
    const of = { type, previous, next: same, usageOf };
    const { shortfalls = [], warnings = [] } =
      judgedBy({ ...context, judges: followerJudges }, session, of) ?? {};
    const verdict = create(VerdictSchema, { shortfalls: [...shortfalls], warnings: [...warnings] });
    return { resource: same, verdict };
  }
  // Its children would be there as well: they count for where it can be.
  session.keep(subject, draftOf(planned.plan, planned.resource));
  const { id } = planned.resource;
  if (type.type === 'vm') session.capacity.occupancy.release(id);
  const judged = judgedBy(context, session, { type, previous, next: planned.resource, usageOf });
  const pools = poolShortfalls({
    type: type.type,
    takes: session.takesOf(subject),
    usageOf,
    lookup: session.view,
  });
  const resource =
    judged === undefined ? planned.resource : withNode(type, planned.resource, judged);
  const verdict = verdictOf(context, type, { planned, judged, pools, resource });
  // What can't be had takes nothing from the others.
  if (verdict.shortfalls.length > 0) session.forget(subject);
  else session.keep(subject, draftOf(planned.plan, resource));
  return { resource, verdict };
}

function judgedBy(
  { judges, validate }: Pick<ApiContext, 'judges' | 'validate'>,
  session: PlanSession,
  of: {
    readonly type: ResourceType;
    readonly previous: AnyResource | undefined;
    readonly next: AnyResource;
    readonly usageOf: (account: Account) => Amounts;
  },
): Judged | undefined {
  const { type, previous, next, usageOf } = of;
  const judgeType = judges.get(type.type);
  if (judgeType === undefined) return undefined;
  const { view: lookup, capacity, placed } = session;
  return judgeType({ next, previous, lookup, capacity, planned: placed, usageOf, validate });
}

/** The context of a request in a plan; what the nodes have is counted where that is asked for. */
function within(context: ApiContext, session: PlanSession): PlanContext {
  return {
    ...context,
    view: session.view,
    get capacity() {
      return session.capacity;
    },
    usage: { of: (project) => session.usageOf(project, context.usage) },
  };
}

/**
 * What a transaction would leave; what is to be deleted counts as gone. A project is in it for its
 * usage, which the session counts itself.
 */
function draftOf(plan: WritePlan, main: AnyResource): DraftChange[] {
  return plan.changes
    .filter(({ type, resource }) => type.type !== 'project' || resource.id === main.id)
    .map(({ type, resource }) => {
      const isGoing = resource.deletionRequestedAt !== undefined;
      const { id } = resource;
      return { type, id, resource: isGoing ? undefined : id === main.id ? main : resource };
    });
}

/** The resource with the node that it would get. */
function withNode(type: ResourceType, resource: AnyResource, { nodeId }: Judged): AnyResource {
  const field = type.status.fields.find(({ name }) => name === 'node_id');
  if (field === undefined || resource.status === undefined || nodeId === '') return resource;
  const status = { ...resource.status };
  writeField(status, field, nodeId);
  return { ...resource, status };
}

function verdictOf(
  context: ApiContext,
  type: ResourceType,
  of: {
    readonly planned: NonNullable<ReturnType<PlanRequest>>;
    readonly judged: Judged | undefined;
    readonly pools: Judged['shortfalls'];
    readonly resource: AnyResource;
  },
): Verdict {
  const { planned, judged, pools, resource } = of;
  const { changes = [], verdict } = planned;
  return create(VerdictSchema, {
    disruption: worstDisruption(changes),
    unsupported: unsupportedNotices(context, type, resource),
    changes: changes.map(({ path, disruption }) => ({ path, disruption })),
    nodeId: judged?.nodeId ?? verdict.nodeId ?? '',
    reasons: [...(judged?.reasons ?? verdict.reasons)],
    shortfalls: [...verdict.shortfalls, ...(judged?.shortfalls ?? []), ...pools],
    warnings: [...verdict.warnings, ...(judged?.warnings ?? [])],
  });
}
