/** Waiting for operations, and calling them off. */
import { Code } from '@connectrpc/connect';
import {
  type Operation,
  OperationSpecSchema,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { OperationService } from '@limiquantix/proto/operations/v1/operation_service_pb.js';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { isEnded } from '../../decide/operation.js';
import type { FieldChange } from '../../resource/changes.js';
import { LimiError } from '../../resource/error.js';
import { patched } from '../../resource/patched.js';
import { committed } from '../../resource/record.js';
import { type ApiContext, commitPlan, mustFind } from '../api-context.js';
import { changedHeader } from '../header.js';
import { WritePlan } from '../write-plan.js';
import { type CustomCall, type CustomMethod, reads } from './custom-method.js';

const { waitOperation, cancelOperation } = OperationService.method;
/** Calls that wait at once. */
const waitersMax = 1_000;
const waitSecondsDefault = 30;

/** The methods of operations. */
export function operationMethods(): readonly CustomMethod[] {
  let waiters = 0;
  return [
    reads(waitOperation, async ({ context, request, call }) => {
      if (waiters >= waitersMax) throw tooManyWaiters();
      waiters += 1;
      const waitMs = (request.timeoutSeconds || waitSecondsDefault) * 1_000;
      try {
        return { operation: await ended(context, { id: request.id, waitMs, call }) };
      } finally {
        waiters -= 1;
      }
    }),
    reads(cancelOperation, async ({ context, request }) => ({
      operation: await cancel(context, request.id),
    })),
  ];
}

const cancelChange: readonly FieldChange[] = [
  { path: 'spec.cancel_requested', disruption: Disruption.UNSPECIFIED, immutable: false },
];

interface Waiting extends Pick<CustomCall, 'call'> {
  readonly id: string;
  readonly waitMs: number;
}

/** The operation when it has ended, or as it is when the time is over. */
async function ended(context: ApiContext, { id, waitMs, call }: Waiting): Promise<Operation> {
  const find = () => mustFind(context, context.types.get('operation'), id) as Operation;
  if (isEnded(find())) return find();
  await new Promise<void>((resolve) => {
    const stops = [
      context.clock.after(waitMs, done),
      context.view.onChange(({ key, resource }) => {
        if (key.id === id && (resource === undefined || isEnded(resource as Operation))) done();
      }),
    ];
    call.signal.addEventListener('abort', done, { once: true });
    function done(): void {
      for (const stop of stops) stop();
      call.signal.removeEventListener('abort', done);
      resolve();
    }
  });
  if (call.signal.aborted) throw call.signal.reason;
  return find();
}

/** Asks for an end before the end; idempotent. */
async function cancel(context: ApiContext, id: string): Promise<Operation> {
  const type = context.types.get('operation');
  const { outcome, revision } = await commitPlan(context, () => {
    const operation = mustFind(context, type, id) as Operation;
    if (operation.spec?.cancelRequested === true) return { plan: undefined, operation };
    if (isEnded(operation)) throw notCancellable(operation, 'it has ended');
    if (operation.status?.cancellable !== true) {
      throw notCancellable(operation, 'it can only be undone by the opposite method');
    }
    const spec = patched(OperationSpecSchema, operation.spec, { cancelRequested: true });
    const sources = { newId: context.newId, nowMs: context.nowMs() };
    const next = changedHeader({ ...operation, spec }, cancelChange, sources);
    const plan = new WritePlan();
    plan.update(type, next, operation);
    return { plan, operation: next };
  });
  const { operation } = outcome;
  return committed(operation, revision);
}

const notCancellable = ({ name }: Operation, why: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'NOT_CANCELLABLE',
    message: `operation ${JSON.stringify(name)} can't be cancelled: ${why}`,
  });

const tooManyWaiters = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'TOO_MANY_WAITERS',
    message: `${waitersMax} calls wait for operations already; watch operations instead`,
    retryable: true,
  });
