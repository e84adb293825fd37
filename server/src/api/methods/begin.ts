/**
 * Methods that begin an operation: what they change, make or delete, and the operation that follows
 * it, are one transaction. After that nothing in memory is needed: the loop works on the operation
 * as on any other key.
 */
import {
  clone,
  create,
  type DescMessage,
  type DescMethod,
  type Message,
  type MessageShape,
  toJsonString,
} from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  type Operation,
  OperationPhase,
  OperationSchema,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { isEnded } from '../../decide/operation.js';
import { operationRules } from '../../decide/operation-rules.js';
import { LimiError } from '../../resource/error.js';
import { recordKey } from '../../resource/keys.js';
import type { AnyResource, TypeName } from '../../resource/resource.js';
import { messageWithoutSecrets } from '../../resource/strip.js';
import { type ApiContext, commitPlan, mustFind } from '../api-context.js';
import { callerOf, nameOfCaller } from '../caller.js';
import { planCreation } from '../create-resource.js';
import { planDeletion } from '../delete-resource.js';
import { newHeader } from '../header.js';
import { answeredAndGone, findRequest } from '../request-log.js';
import { planChange } from '../update-resource.js';
import { WritePlan } from '../write-plan.js';
import { type CustomMethod, refuseUnsupported, typeOfService } from './custom-method.js';

/** Operations that are kept, ended ones included; the oldest ended ones make room for new ones. */
export const operationsMax = 10_000;
const deadlineSecondsDefault = 60 * 60;

/** What a method begins with. */
export interface Beginning<R extends AnyResource> {
  /** The resource as it shall be; nothing to leave it as it is. */
  readonly next?: R;
  /** A resource that is made. */
  readonly make?: { readonly type: TypeName; readonly resource: AnyResource };
  /** Resources whose deletion is requested. */
  readonly remove?: { readonly type: TypeName; readonly ids: readonly string[] };
  /** The node whose agent is told of the operation. */
  readonly nodeId?: string | undefined;
  /** When it is given up. */
  readonly deadlineSeconds?: number;
}

/** A method that begins an operation on the resource of its service. */
export function begins<I extends DescMessage, R extends AnyResource>(
  method: DescMethod & { readonly input: I },
  begin: (target: R, request: MessageShape<I>, context: ApiContext) => Beginning<R>,
): CustomMethod {
  return {
    method,
    async serve({ context, request, call }) {
      const type = typeOfService(context, method);
      const caller = nameOfCaller(callerOf(call));
      const start = { method, request, caller };
      const { id, requestId } = request as unknown as { id: string; requestId: string };
      const { outcome, revision } = await commitPlan(context, async () => {
        const known = await lookUp(context, start, requestId);
        if (known?.resourceId !== undefined) return answered(context, known.resourceId);
        const target = mustFind(context, type, id) as R;
        const copy = clone(type.message, target) as R;
        const beginning = begin(copy, request as MessageShape<I>, context);
        const plan = new WritePlan();
        const resultId = planWork(context, { ...start, target, beginning, plan });
        const operation = newOperation(context, { ...start, target, beginning, resultId });
        makeRoom(context, plan);
        plan.create(context.types.get('operation'), operation);
        known?.note(plan, operation.id);
        return { plan, operation };
      });
      const { operation } = outcome;
      return { operation: revision === undefined ? operation : { ...operation, revision } };
    },
  };
}

interface Start {
  readonly method: DescMethod;
  readonly request: Message;
  readonly caller: string;
}

async function lookUp(context: ApiContext, { method, request, caller }: Start, requestId: string) {
  if (requestId === '') return undefined;
  const type = { type: method.name, message: method.input };
  return findRequest(context.store, { type, caller, requestId, input: request }, context.nowMs());
}

function answered(context: ApiContext, id: string) {
  const operation = context.view.get<Operation>('operation', id);
  if (operation === undefined) throw answeredAndGone(context.types.get('operation'), id);
  return { plan: undefined, operation };
}

interface Work extends Start {
  readonly target: AnyResource;
  readonly beginning: Beginning<AnyResource>;
  readonly plan: WritePlan;
}

/** Plans what the operation begins with; returns the id of what is made. */
function planWork(context: ApiContext, work: Work): string {
  const { method, target, beginning, plan, caller: createdBy } = work;
  const { next, make, remove } = beginning;
  const type = typeOfService(context, method);
  plan.require({ kind: 'exists', key: recordKey(type.type, target.id) });
  if (next !== undefined) {
    const planned = planChange(context, { type, next, previous: target, createdBy, plan });
    if (planned !== undefined) {
      refuseUnsupported(context, { method, type, next: planned.resource, previous: target });
    }
  }
  for (const id of remove?.ids ?? []) {
    planDeletion(context, { type: context.types.get(remove?.type ?? ''), id, plan });
  }
  if (make === undefined) return '';
  const madeType = context.types.get(make.type);
  context.validate(madeType.message, make.resource);
  const sources = { newId: context.newId, nowMs: context.nowMs(), createdBy };
  const made = planCreation(context, {
    type: madeType,
    next: newHeader(madeType, make.resource, sources),
    createdBy,
    plan,
  });
  refuseUnsupported(context, { method, type: madeType, next: made.resource, previous: undefined });
  return made.resource.id;
}

function newOperation(
  context: ApiContext,
  begun: Omit<Work, 'plan'> & { readonly resultId: string },
): Operation {
  const { method, request, caller, target, beginning, resultId } = begun;
  const rule = operationRules.get(method.name);
  if (rule === undefined) throw new Error(`operations of ${method.name} have no rule`);
  const { nodeId = '', deadlineSeconds = deadlineSecondsDefault } = beginning;
  const id = context.newId();
  const shown = messageWithoutSecrets(method.input, request);
  const operation = create(OperationSchema, {
    id,
    name: `${kebab(method.name)}-${id.slice(-12)}`,
    projectId: target.projectId,
    spec: {
      method: method.name,
      targetType: typeOfService(context, method).type,
      targetId: target.id,
      targetName: target.name,
      requestId: (request as unknown as { requestId: string }).requestId,
      argumentsJson: toJsonString(method.input, shown),
      nodeId,
      deadlineAt: timestampFromMs(context.nowMs() + deadlineSeconds * 1_000),
    },
    status: { phase: OperationPhase.PENDING, resultId, cancellable: rule.cancellable },
  });
  const sources = { newId: context.newId, nowMs: context.nowMs(), createdBy: caller };
  return newHeader(context.types.get('operation'), operation, sources);
}

/** `RebootVirtualMachine` → `reboot-virtual-machine`. */
const kebab = (name: string): string =>
  name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();

/** Forgets the oldest ended operations where there are too many. */
function makeRoom({ view, types }: ApiContext, plan: WritePlan): void {
  const all = view.list<Operation>('operation');
  if (all.length < operationsMax) return;
  const ended = all.filter(isEnded).sort((a, b) => (a.id < b.id ? -1 : 1));
  if (ended.length === 0) throw tooMany();
  for (const operation of ended.slice(0, all.length - operationsMax + 1)) {
    plan.remove(types.get('operation'), operation, []);
  }
}

const tooMany = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'TOO_MANY_OPERATIONS',
    message: `${operationsMax} operations are under way; wait until some have ended`,
    retryable: true,
  });
