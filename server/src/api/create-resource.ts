/** Create: checks, admits and stores a new resource with its children, once for each request id. */
import { clone, create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { type Verdict, VerdictSchema } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { mayRead } from '../decide/access.js';
import { LimiError } from '../resource/error.js';
import { committed } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import { withoutOutputOnly } from '../resource/strip.js';
import type { ResourceType } from '../resource/type-registry.js';
import { type Admission, type Admitted, admit } from './admit.js';
import { type ApiContext, commitPlan, freshen, type PlanContext } from './api-context.js';
import { refuseEscalation } from './authorize.js';
import { type Caller, nameOfCaller } from './caller.js';
import { newHeader } from './header.js';
import { judgeCreation } from './judge-request.js';
import { checkReferences } from './reference-check.js';
import { answeredAndGone, findRequest } from './request-log.js';
import type { WritePlan } from './write-plan.js';

/** What to create. */
export interface CreateRequest {
  readonly type: ResourceType;
  /**
   * What the user wants; output-only fields are ignored. Checked against the contract's rules
   * already.
   */
  readonly input: AnyResource;
  readonly caller: Caller;
  /** The client's word for this request; empty for none. */
  readonly requestId: string;
  readonly validateOnly: boolean;
  /** The client's word for the plan that it is judged with; empty for none. */
  readonly planId?: string | undefined;
}

/** What came of it. */
export interface Stored {
  /** As it was stored, secrets included. */
  readonly resource: AnyResource;
  readonly verdict: Verdict | undefined;
}

/** Creates a resource. Throws ALREADY_EXISTS where its name is taken, or what admission throws. */
export async function createResource(context: ApiContext, request: CreateRequest): Promise<Stored> {
  const { type } = request;
  const input = withoutOutputOnly(type, clone(type.message, request.input) as AnyResource);
  const createdBy = nameOfCaller(request.caller);
  const next = newHeader(type, input, {
    newId: context.newId,
    nowMs: context.nowMs(),
    createdBy,
  });
  if (request.validateOnly) {
    const member = { caller: createdBy, planId: request.planId ?? '' };
    return judgeCreation(context, { type, next }, member, (within) =>
      planCreation(within, { type, next, createdBy, validateOnly: true }),
    );
  }
  const { outcome, revision } = await commitPlan(context, async () => {
    const known = await lookUp(context, request, input);
    if (known?.resourceId !== undefined) return answered(context, type, known.resourceId);
    let admitted: Admitted;
    try {
      admitted = planCreation(context, { type, next, createdBy });
    } catch (error) {
      // The same request may have been carried out since it was looked up, by another call.
      const now = await lookUp(context, request, input);
      if (now?.resourceId === undefined) throw error;
      return answered(context, type, now.resourceId);
    }
    known?.note(admitted.plan, next.id);
    return { ...admitted, plan: admitted.plan, verdict: warningsOnly(admitted) };
  });
  const { resource, verdict } = outcome;
  return { resource: committed(resource, revision), verdict };
}

/** Checks and plans a new resource with its whole header. Throws what admission throws. */
export function planCreation(
  context: PlanContext,
  creation: Omit<Admission, 'previous'>,
): Admitted {
  const { type, next } = creation;
  refuseTakenName(context, type, next);
  checkReferences({ ...context, lookup: context.view, type, resource: next, previous: undefined });
  refuseEscalation(context, type, next);
  return admit(context, { ...creation, previous: undefined });
}

interface Outcome extends Stored {
  readonly plan: WritePlan | undefined;
}

async function lookUp(context: ApiContext, request: CreateRequest, input: AnyResource) {
  const { type, requestId } = request;
  if (requestId === '') return undefined;
  const caller = nameOfCaller(request.caller);
  return findRequest(context.store, { type, caller, requestId, input }, context.nowMs());
}

async function answered(context: ApiContext, type: ResourceType, id: string): Promise<Outcome> {
  await freshen(context);
  const resource = context.view.get(type.type, id);
  if (resource === undefined) throw answeredAndGone(type, id);
  return { plan: undefined, resource, verdict: undefined };
}

/** The verdict on what is done: what policies warn of, if any. */
export function warningsOnly({ verdict }: Admitted): Verdict | undefined {
  if (verdict.warnings.length === 0) return undefined;
  return create(VerdictSchema, { warnings: [...verdict.warnings] });
}

/** Throws ALREADY_EXISTS, with the id of the resource that has the name. */
export function refuseTakenName(
  context: PlanContext,
  type: ResourceType,
  resource: AnyResource,
): void {
  const { name, projectId } = resource;
  const holder = context.view.findByName({ type: type.type, projectId, name });
  if (holder === undefined || holder.id === resource.id) return;
  const where = type.scope === 'project' ? ` in project ${projectId}` : '';
  const state = holder.deletionRequestedAt === undefined ? 'has' : 'is being deleted and still has';
  const isSeen = mayRead(context.access, { type, resource: holder, lookup: context.view });
  const message = isSeen
    ? `${JSON.stringify(name)} is taken: ${type.label} ${holder.id} ${state} that name${where}; give another name, or import that one`
    : `${JSON.stringify(name)} is taken${where}; give another name`;
  throw new LimiError({
    code: Code.AlreadyExists,
    reason: 'NAME_TAKEN',
    message: `name ${message}`,
    violations: [{ path: 'name', message }],
    resource: {
      type: type.type,
      name: holder.id,
      projectId: holder.projectId,
      description: `${state} the name ${JSON.stringify(name)}`,
    },
  });
}
