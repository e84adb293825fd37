/** Delete: requests a resource's deletion. Reconcilers then remove what is left of it. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import { deletionKey } from '../resource/keys.js';
import { committed, decodeText } from '../resource/record.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Store } from '../store/store.js';
import { refuseUsed } from './admit.js';
import { type ApiContext, commitPlan, mustFind } from './api-context.js';
import { type Caller, nameOfCaller } from './caller.js';
import { deletedHeader } from './header.js';
import { noteDeletion } from './judge-request.js';
import { requireEmpty } from './projects.js';
import { checkEtag, precondition } from './update-resource.js';
import { forced, WritePlan } from './write-plan.js';

/** What to delete. */
export interface DeleteRequest {
  readonly type: ResourceType;
  readonly id: string;
  /** The etag that it must have; empty for any. */
  readonly etag: string;
  /** Whether to go on where its node can't be asked. */
  readonly force: boolean;
  readonly validateOnly: boolean;
  /** The client's word for the plan that it is judged with; empty for none. */
  readonly planId?: string | undefined;
  readonly caller: Caller;
}

/**
 * Requests a deletion; idempotent. Throws FAILED_PRECONDITION where the resource is protected, in
 * use, or belongs to another that stays.
 */
export async function deleteResource(
  context: ApiContext,
  request: DeleteRequest,
): Promise<AnyResource> {
  const { type, id, validateOnly, planId = '' } = request;
  if (validateOnly && planId !== '') {
    const caller = nameOfCaller(request.caller);
    refuseProtected(type, mustFind(context, type, id));
    // What else uses it may go as well: nothing in a plan says in which order.
    return noteDeletion(context, { type, id }, { caller, planId });
  }
  const { outcome, revision } = await commitPlan(context, () => attempt(context, request));
  const { resource } = outcome;
  return committed(resource, revision);
}

function attempt(context: ApiContext, request: DeleteRequest) {
  const { type, id, etag, force, validateOnly } = request;
  const resource = mustFind(context, type, id);
  const plan = new WritePlan();
  if (resource.deletionRequestedAt !== undefined) {
    if (!force || validateOnly) return { plan: undefined, resource };
    // Written with the record's revision: the mark must not outlive it.
    plan.update(type, resource, resource);
    plan.forceDeletion(id);
    return { plan, resource };
  }
  checkEtag(type, resource, etag);
  const next = planDeletion(context, { type, id, plan });
  if (validateOnly) return { plan: undefined, resource: next };
  if (force) plan.forceDeletion(id);
  return { plan, resource: next };
}

/** Checks and plans a request of deletion. Throws FAILED_PRECONDITION as `deleteResource` does. */
export function planDeletion(
  context: ApiContext,
  deletion: { readonly type: ResourceType; readonly id: string; readonly plan: WritePlan },
): AnyResource {
  const { type, id, plan } = deletion;
  const resource = mustFind(context, type, id);
  refuseProtected(type, resource);
  refuseOwned(context, type, resource);
  refuseUsed(context, type, resource);
  if (type.type === 'project') requireEmpty(context, plan, resource);
  const next = deletedHeader(resource, { newId: context.newId, nowMs: context.nowMs() });
  plan.requestDeletion(type, next, resource);
  return next;
}

/** Whether a resource's deletion may go on where its node can't be asked. */
export async function isDeletionForced(store: Store, id: string): Promise<boolean> {
  const entry = await store.get(deletionKey(id));
  return entry !== undefined && decodeText(entry.value) === forced;
}

function refuseProtected(type: ResourceType, resource: AnyResource): void {
  if (!resource.protected) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'PROTECTED',
    message: `${type.label} ${JSON.stringify(resource.name)} is protected; set its field protected to false first`,
    preconditions: [precondition(type, resource, 'NOT_PROTECTED', 'its field protected is true')],
  });
}

/** Owners that make anew what is deleted of theirs: deleting it there means just that. */
const remaking: ReadonlySet<TypeName> = new Set(['vm_fleet']);

function refuseOwned(context: ApiContext, type: ResourceType, resource: AnyResource): void {
  const { owner } = resource;
  const found = owner && context.view.get(owner.type, owner.id);
  if (owner === undefined || found === undefined || found.deletionRequestedAt !== undefined) return;
  if (remaking.has(owner.type)) return;
  const { label } = context.types.get(owner.type);
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'OWNED',
    message: `${type.label} ${JSON.stringify(resource.name)} belongs to ${label} ${JSON.stringify(found.name)} as its device ${owner.device}; remove the device there`,
    preconditions: [precondition(type, resource, 'NOT_OWNED', `${owner.type}/${owner.id} owns it`)],
  });
}
