/**
 * What the operations on resources work with, and how they begin: with a view that has everything
 * that was answered before. No operation reads the clock, chance or ids from anywhere else.
 */
import { Code } from '@connectrpc/connect';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { type Access, mayRead } from '../decide/access.js';
import type { AdmissionTable } from '../decide/admission.js';
import type { Author } from '../decide/audit.js';
import { type Capacity, roomKeptFor } from '../decide/capacity.js';
import type { JudgeTable } from '../decide/judge.js';
import type { Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';
import type { Support } from '../resource/unsupported.js';
import type { CommitResult, Store } from '../store/store.js';
import type { View } from '../view/view.js';
import { auditPlan } from './audit.js';
import type { CallNotes } from './call-notes.js';
import type { PlanSessions } from './plan-sessions.js';
import type { PolicyDenials } from './policy-denials.js';
import { noLeader } from './relay.js';
import type { Snapshots } from './snapshots.js';
import type { Turns } from './turns.js';
import type { Usage } from './usage.js';
import type { Validate } from './validation.js';
import type { WritePlan } from './write-plan.js';

/** What a request is planned with, carried out or only judged. */
export interface PlanContext {
  readonly types: TypeRegistry;
  /** The resources as they are, or as the rest of a plan would leave them. */
  readonly view: AdmissionLookup;
  readonly admission: AdmissionTable;
  /** What the nodes have to give, by the view. */
  readonly capacity: Capacity;
  /** What the backends can do. */
  readonly support: Support;
  readonly validate: Validate;
  /** A new id (UUIDv7). */
  readonly newId: () => string;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** What may be done: what the caller may, or everything where the control plane itself acts. */
  readonly access: Access;
  /** The call that all this is for; undefined where the control plane itself acts. */
  readonly author?: Author | undefined;
  /** Takes what the call's transaction is about, for the log. */
  readonly notes?: Pick<CallNotes, 'writes'> | undefined;
  /** What the resources of projects take of their quotas. */
  readonly usage: Pick<Usage, 'of'>;
  /** Counts what policies refuse; not where it is only told what would be. */
  readonly denials?: Pick<PolicyDenials, 'note'>;
  /** Whose turn it is with what only one transaction can take at a time. */
  readonly turns: Turns;
}

/** What the operations work with. */
export interface ApiContext extends PlanContext {
  readonly store: Store;
  readonly view: View;
  readonly clock: Clock;
  readonly judges: JudgeTable;
  /** The plans in the making. */
  readonly plans: PlanSessions;
  /** The lists that are being read page by page. */
  readonly snapshots: Snapshots;
  /** What is decided where this server leads; without it, no other one can. */
  readonly leading?: Leading;
}

/** The store as the server that leads has it: its commits fail once another one does. */
export interface Leading {
  /** Undefined while this server doesn't lead. */
  store: Store | undefined;
}

/** How often an operation is tried anew because others wrote what it was based on. */
export const admissionRetriesMax = 32;

/** Resolves when the view has every commit up to now. */
export async function freshen({ store, view }: Pick<ApiContext, 'store' | 'view'>): Promise<void> {
  await view.settled(await store.revision());
}

/** The resource as the view has it. Throws NOT_FOUND where there is none that may be read. */
export function mustFind(
  { view, access }: Pick<PlanContext, 'view' | 'access'>,
  type: ResourceType,
  id: string,
): AnyResource {
  const resource = view.get(type.type, id);
  if (resource !== undefined && mayRead(access, { type, resource, lookup: view })) return resource;
  throw notFound(type, id);
}

/** The error for a resource that doesn't exist, or that who asks may not know of. */
export const notFound = (
  { type, label }: Pick<ResourceType, 'type' | 'label'>,
  id: string,
): LimiError =>
  new LimiError({
    code: Code.NotFound,
    reason: 'NOT_FOUND',
    message: `there is no ${label} with the id ${JSON.stringify(id)}`,
    resource: { type, name: id, projectId: '', description: 'does not exist' },
  });

/**
 * Commits, and holds the room that the plan keeps from now on: what is decided until the view has
 * the commit finds it taken. Room is given away by the leader alone. Throws NO_LEADER elsewhere.
 */
async function commitHolding(context: ApiContext, plan: WritePlan): Promise<CommitResult> {
  const { view, leading } = context;
  const isRoomGiven = plan.rooms.size > 0 && leading !== undefined;
  const store = isRoomGiven ? leading.store : context.store;
  if (store === undefined) throw noLeader();
  const { occupancy } = context.capacity;
  for (const [id, { room }] of plan.rooms) occupancy.reserve(id, room);
  let result: CommitResult | undefined;
  try {
    result = await store.commit(plan.transaction());
    return result;
  } finally {
    for (const id of result?.ok === true ? [] : plan.rooms.keys()) {
      occupancy.reserve(id, roomKeptFor(view.get<VmFleet>('vm_fleet', id)));
    }
  }
}

function isRoomTaken({ capacity }: ApiContext, { rooms }: WritePlan): boolean {
  return [...rooms.values()].some(({ usedBefore }) => capacity.occupancy.hasGrown(usedBefore));
}

/**
 * Plans and commits until the commit goes through: `attempt` gets a view that has every commit so
 * far, and returns a plan or, where nothing is to be written, undefined. What it throws ends it.
 */
export async function commitPlan<T extends { readonly plan: WritePlan | undefined }>(
  context: ApiContext,
  attempt: () => Promise<T> | T,
): Promise<{ readonly outcome: T; readonly revision: bigint | undefined }> {
  let endTurn: (() => void) | undefined;
  try {
    for (let tries = 0; tries < admissionRetriesMax; tries += 1) {
      await freshen(context);
      const outcome = await attempt();
      const { plan } = outcome;
      if (plan === undefined) return { outcome, revision: undefined };
      if (plan.turn !== undefined && endTurn === undefined) {
        // Made anew when it is its turn: those before it have changed what it is based on.
        endTurn = await context.turns.take(plan.turn);
        continue;
      }
      // Planned at once with others, by the same room: the second decides by what is left.
      if (isRoomTaken(context, plan)) continue;
      auditPlan(context, plan);
      const result = await commitHolding(context, plan);
      if (result.ok) return { outcome, revision: result.revision };
    }
  } finally {
    endTurn?.();
  }
  throw new LimiError({
    code: Code.Aborted,
    reason: 'CONTENTION',
    message: `others changed the same resources ${admissionRetriesMax} times in a row; try again`,
    retryable: true,
  });
}
