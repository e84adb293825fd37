/**
 * Runs a type's admission and plans what it decided: the resource, its children, its claims.
 * Everything is planned into one transaction, so that a VM never exists without its disks' volumes
 * and its ports.
 */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { Policy } from '@limiquantix/proto/identity/v1/policy_pb.js';
import { mayRead } from '../decide/access.js';
import type { AdmissionResult, ChildWrite } from '../decide/admission.js';
import { sumOf } from '../decide/fleet-shortfall.js';
import { type Breach, breachesOf, denialOf } from '../decide/policy.js';
import type { Shortfall } from '../decide/quota.js';
import { type Growth, moreOf, refuseOutgrown } from '../decide/vm-growth.js';
import { intentChanges } from '../resource/changes.js';
import { LimiError } from '../resource/error.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import { specReferences } from '../resource/references.js';
import type { AnyResource, AnyStatus } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { PlanContext } from './api-context.js';
import { changedHeader, deletedHeader, newHeader } from './header.js';
import { heedQuota, quotaExceeded } from './heed-quota.js';
import { requireProjects } from './projects.js';
import { WritePlan } from './write-plan.js';

/** Children of one admission. */
const childrenMax = 256;

/** What is planned. */
export interface Admitted {
  /** The resource as it is stored if the plan is committed. */
  readonly resource: AnyResource;
  readonly plan: WritePlan;
  readonly verdict: NonNullable<AdmissionResult['verdict']> & {
    readonly shortfalls: readonly Shortfall[];
    /** What policies warn of. */
    readonly warnings: readonly Breach[];
  };
}

/** What to admit. */
export interface Admission {
  readonly type: ResourceType;
  /** The resource with its whole header. */
  readonly next: AnyResource;
  readonly previous: AnyResource | undefined;
  /** `created_by` of children. */
  readonly createdBy: string;
  /** The transaction that it becomes a part of; one of its own without it. */
  readonly plan?: WritePlan | undefined;
  /** What was decided of a new resource before: fields of its first status. */
  readonly decided?: Partial<AnyStatus>;
  /** Whether it is only told what would be: what there is not enough of is in the verdict then. */
  readonly validateOnly?: boolean;
}

/** Decides on a new or changed resource and plans its transaction. Throws what admission throws. */
export function admit(context: PlanContext, admission: Admission): Admitted {
  const { type, next, previous } = admission;
  const result = decide(context, admission);
  const plan = admission.plan ?? new WritePlan();
  const first = result.resource.status ?? (create(type.status) as AnyStatus);
  const status = admission.decided === undefined ? first : { ...first, ...admission.decided };
  const resource = { ...result.resource, status };
  if (previous === undefined) plan.create(type, resource);
  else plan.update(type, resource, previous);
  if (result.children.length > childrenMax) throw tooManyChildren(type, next, result);
  for (const child of result.children) planChild(context, plan, child, admission.createdBy);
  plan.claim(result.claims, result.releases);
  const { room } = result;
  if (room !== undefined) {
    const usedBefore = context.capacity.occupancy.usedOn(room.keys());
    plan.keepRoom(resource.id, { room, usedBefore });
  }
  // A plan is told by its verdict.
  const { growth } = result;
  if (growth !== undefined && admission.validateOnly !== true) {
    keepGrowth(context, plan, { id: resource.id, growth });
  }
  if (previous === undefined) requireProjects(context, plan, { type, resource });
  const warnings = heedPolicies(context, plan, admission.validateOnly === true);
  const { later: amounts } = result;
  const later = amounts && { projectId: resource.projectId, amounts };
  const shortfalls = heedQuota(context, plan, type, later);
  if (shortfalls.length > 0 && admission.validateOnly !== true) throw quotaExceeded(shortfalls);
  return { resource, plan, verdict: { reasons: [], ...result.verdict, shortfalls, warnings } };
}

/** Keeps what a machine will have more of its node; throws where that is not there. */
function keepGrowth(
  { capacity }: PlanContext,
  plan: WritePlan,
  { id, growth }: { readonly id: string; readonly growth: Growth },
): void {
  const { nodeId } = growth;
  const node = capacity.candidate(nodeId);
  if (node === undefined) return;
  // Others that grow in the same transaction are there as well.
  const kept = [...plan.rooms.values()].flatMap(({ room }) => room.get(nodeId) ?? []);
  refuseOutgrown(growth, { ...node, used: sumOf([node.used, ...kept]) });
  const usedBefore = capacity.occupancy.usedOn([nodeId]);
  plan.keepRoom(id, { room: new Map([[nodeId, { ...moreOf(growth), vms: 0 }]]), usedBefore });
}

/** Throws what policies deny of a plan's resources; returns what they warn of. */
function heedPolicies(
  { view, denials }: PlanContext,
  plan: WritePlan,
  isOnlyTold: boolean,
): readonly Breach[] {
  const policies = view.list<Policy>('policy');
  if (policies.length === 0) return [];
  const intents = plan.changes.filter(({ resource, previous }) => previous?.etag !== resource.etag);
  const breaches = intents.flatMap((change) => breachesOf(policies, change));
  const denial = denialOf(breaches);
  if (denial !== undefined) {
    const denying = breaches.filter(({ isDenied }) => isDenied).map(({ policy }) => policy);
    if (!isOnlyTold) denials?.note(denying);
    throw denial;
  }
  return breaches;
}

function decide(context: PlanContext, { type, next, previous, plan }: Admission): AdmissionResult {
  const admitType = context.admission.get(type.type);
  if (admitType === undefined) return { resource: next, children: [], claims: [], releases: [] };
  return admitType({
    next: previous === undefined ? withoutStatus(next) : next,
    previous,
    lookup: plan === undefined ? context.view : withClaims(context.view, plan),
    newId: context.newId,
    nowMs: context.nowMs(),
    random: context.random,
    validate: context.validate,
    // Not looked at by most types, and costly to count for a plan.
    get capacity() {
      return context.capacity;
    },
  });
}

/** The view, with what is claimed already in a transaction that isn't committed yet. */
function withClaims(view: AdmissionLookup, plan: WritePlan): AdmissionLookup {
  return {
    get: (type, id) => view.get(type, id),
    list: (type) => view.list(type),
    referrers: (type, id) => view.referrers(type, id),
    nowMs: () => view.nowMs(),
    findByName: (options) => view.findByName(options),
    claimant: (key) => plan.claimant(key) ?? view.claimant(key),
  };
}

function withoutStatus(resource: AnyResource): AnyResource {
  const { status: _status, ...rest } = resource;
  return rest;
}

function planChild(
  context: PlanContext,
  plan: WritePlan,
  child: ChildWrite,
  createdBy: string,
): void {
  const type = context.types.get(child.type);
  const sources = { newId: context.newId, nowMs: context.nowMs() };
  if (child.kind === 'create') {
    plan.create(type, newHeader(type, child.resource, { ...sources, createdBy }));
    return;
  }
  const previous = context.view.get(child.type, child.resource.id);
  if (previous === undefined) throw childGone(type, child.resource);
  if (child.kind === 'delete-request') {
    if (previous.deletionRequestedAt !== undefined) return;
    refuseUsed(context, type, previous);
    plan.requestDeletion(type, deletedHeader(child.resource, sources), previous);
    return;
  }
  const changes = intentChanges(type, previous, child.resource);
  const next =
    changes.length === 0 ? child.resource : changedHeader(child.resource, changes, sources);
  plan.update(type, next, previous);
}

/**
 * Throws where something refers to a resource in its spec; names some of it. Owned ones don't
 * count.
 */
export function refuseUsed(context: PlanContext, type: ResourceType, resource: AnyResource): void {
  const users = usersOf(context, resource);
  if (users.length === 0) return;
  const { access, view: lookup } = context;
  const seen = users.filter((user) => mayRead(access, { ...user, lookup })).slice(0, usersShownMax);
  const names = seen.map(
    ({ type: { label }, resource: user }) => `${label} ${JSON.stringify(user.name)}`,
  );
  const unnamed = users.length - seen.length;
  const shown = [...names, ...(unnamed > 0 ? [`${unnamed} more`] : [])]
    .join(', ')
    .replace(/, (\d+ more)$/, ' and $1');
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'IN_USE',
    message: `${type.label} ${JSON.stringify(resource.name)} is in use by ${shown}; remove those first`,
    preconditions: seen.map(({ type: { type: kind, label }, resource: user }) => ({
      type: 'NOT_IN_USE',
      subject: `${kind}/${user.id}`,
      description: `${label} ${JSON.stringify(user.name)} refers to it`,
    })),
  });
}

const usersShownMax = 10;

/**
 * Everything whose spec refers to a resource, by name; what is owned by another user is left out.
 */
function usersOf({ types, view }: PlanContext, resource: AnyResource): User[] {
  const users: User[] = [];
  for (const type of types.types) {
    for (const user of view.referrers(type.type, resource.id)) {
      const refers = specReferences(type, user).some(({ id }) => id === resource.id);
      if (refers && user.id !== resource.id) users.push({ type, resource: user });
    }
  }
  const ids = new Set(users.map((user) => user.resource.id));
  return users.filter(({ resource: { owner } }) => owner === undefined || !ids.has(owner.id));
}

interface User {
  readonly type: ResourceType;
  readonly resource: AnyResource;
}

function childGone(type: ResourceType, child: AnyResource): LimiError {
  return new LimiError({
    code: Code.Aborted,
    reason: 'CHILD_GONE',
    message: `${type.label} ${JSON.stringify(child.name)} is gone meanwhile; try again`,
    retryable: true,
  });
}

function tooManyChildren(
  type: ResourceType,
  { name }: AnyResource,
  { children }: AdmissionResult,
): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'TOO_MANY_CHILDREN',
    message: `${type.label} ${JSON.stringify(name)} needs ${children.length} resources of its own; at most ${childrenMax} are possible`,
  });
}
