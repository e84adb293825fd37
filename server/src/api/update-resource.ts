/**
 * Update: changes the named fields of a resource and what belongs to it, or says what that would
 * cost.
 */
import { Code } from '@connectrpc/connect';
import { type FieldChange, intentChanges } from '../resource/changes.js';
import { LimiError, type Precondition } from '../resource/error.js';
import { committed } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { type Admission, type Admitted, admit } from './admit.js';
import { type ApiContext, commitPlan, mustFind, type PlanContext } from './api-context.js';
import { refuseEscalation } from './authorize.js';
import { type Caller, nameOfCaller } from './caller.js';
import { refuseTakenName, type Stored, warningsOnly } from './create-resource.js';
import { applyMask } from './field-mask.js';
import { changedHeader } from './header.js';
import { judgeChange } from './judge-request.js';
import { requireEmpty } from './projects.js';
import { checkReferences } from './reference-check.js';
import { invalidFields } from './validation.js';

/** What to change. */
export interface UpdateRequest {
  readonly type: ResourceType;
  /** The new values, with the id of the resource. */
  readonly input: AnyResource;
  /** The paths of the fields to change. */
  readonly paths: readonly string[];
  readonly caller: Caller;
  /** The etag that the change is based on; empty for any. */
  readonly etag: string;
  readonly validateOnly: boolean;
  /** The client's word for the plan that it is judged with; empty for none. */
  readonly planId?: string | undefined;
}

/** Changes a resource; without a difference, nothing is written. */
export async function updateResource(context: ApiContext, request: UpdateRequest): Promise<Stored> {
  const { type, input, planId = '' } = request;
  if (request.validateOnly) {
    const member = { caller: nameOfCaller(request.caller), planId };
    return judgeChange(context, { type, id: input.id }, member, (within) =>
      planUpdate(within, request),
    );
  }
  const { outcome, revision } = await commitPlan(context, () => {
    const planned = planUpdate(context, request);
    if (planned !== undefined) return { ...planned, said: warningsOnly(planned) };
    return { plan: undefined, resource: mustFind(context, type, input.id), said: undefined };
  });
  const { resource, said } = outcome;
  return { resource: committed(resource, revision), verdict: said };
}

/** Checks and plans an update; undefined where nothing differs. */
function planUpdate(context: PlanContext, request: UpdateRequest): PlannedChange | undefined {
  const { type, input, paths, validateOnly } = request;
  const previous = mustFind(context, type, input.id);
  refuseLeaving(type, previous);
  const next = applyMask(type, { previous, input, paths });
  // A request whose answer was lost is made again, and finds what it has done.
  const isDone = () => intentChanges(type, previous, next).length === 0;
  if (request.etag !== previous.etag && !isDone()) checkEtag(type, previous, request.etag);
  const createdBy = nameOfCaller(request.caller);
  return planChange(context, { type, next, previous, createdBy, validateOnly });
}

/** A changed resource, planned. */
export interface PlannedChange extends Admitted {
  readonly changes: readonly FieldChange[];
}

/**
 * Checks and plans a change of a resource; undefined where nothing differs. `next` has the header
 * that was; it moves on here. Throws what admission throws.
 */
export function planChange(
  context: PlanContext,
  change: Admission & { readonly previous: AnyResource },
): PlannedChange | undefined {
  const { type, next: wanted, previous } = change;
  refuseLeaving(type, previous);
  const changes = intentChanges(type, previous, wanted);
  refuseImmutable(type, changes);
  if (changes.length === 0) return undefined;
  context.validate(type.message, wanted);
  checkReferences({ ...context, lookup: context.view, type, resource: wanted, previous });
  if (changes.some(({ path }) => path.startsWith('spec'))) refuseEscalation(context, type, wanted);
  refuseTakenName(context, type, wanted);
  const sources = { newId: context.newId, nowMs: context.nowMs() };
  const next = changedHeader(wanted, changes, sources);
  const admitted = admit(context, { ...change, next });
  // What belongs to a project knows it by its name.
  if (type.type === 'project' && next.name !== previous.name) {
    requireEmpty(context, admitted.plan, previous);
  }
  return { ...admitted, changes };
}

/** Throws ABORTED where a client's etag isn't the resource's. */
export function checkEtag(type: ResourceType, resource: AnyResource, etag: string): void {
  if (etag === '' || etag === resource.etag) return;
  throw new LimiError({
    code: Code.Aborted,
    reason: 'ETAG_STALE',
    message: `${type.label} ${JSON.stringify(resource.name)} was changed meanwhile, at revision ${resource.etag}; the request is based on its etag of revision ${etag}; read it again and repeat the change`,
    preconditions: [
      {
        type: 'ETAG',
        subject: `${type.type}/${resource.id}`,
        description: `the etag is ${resource.etag}, and the request has ${etag}`,
      },
    ],
    metadata: { etag: resource.etag, etag_given: etag, revision: String(resource.revision) },
  });
}

function refuseLeaving(type: ResourceType, resource: AnyResource): void {
  if (resource.deletionRequestedAt === undefined) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'BEING_DELETED',
    message: `${type.label} ${JSON.stringify(resource.name)} is being deleted and can't be changed; wait until it is gone and create it anew`,
    preconditions: [precondition(type, resource, 'NOT_BEING_DELETED', 'its deletion is requested')],
  });
}

/** A condition of a resource that doesn't hold. */
export function precondition(
  type: ResourceType,
  resource: AnyResource,
  kind: string,
  description: string,
): Precondition {
  return { type: kind, subject: `${type.type}/${resource.id}`, description };
}

function refuseImmutable(type: ResourceType, changes: readonly FieldChange[]): void {
  const violations = changes
    .filter(({ immutable }) => immutable)
    .map(({ path }) => ({
      path,
      message: `can't change after creation; create a new ${type.label} with the new value and delete this one`,
    }));
  if (violations.length > 0) throw invalidFields(violations, 'IMMUTABLE');
}
