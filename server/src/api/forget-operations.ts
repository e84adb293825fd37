/** Forgets operations that ended long ago. The number of all is bounded where they begin. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Operation } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { isEnded } from '../decide/operation.js';
import { type ApiContext, commitPlan } from './api-context.js';
import { WritePlan } from './write-plan.js';

/** How long an operation is kept after its end. */
export const operationKeptMs = 24 * 60 * 60 * 1000;
const writesMax = 100;

/** Forgets what is too old; call it now and then. Returns how many. */
export async function forgetOperations(context: ApiContext): Promise<number> {
  const type = context.types.get('operation');
  let count = 0;
  for (;;) {
    const { outcome } = await commitPlan(context, () => {
      const old = context.view
        .list<Operation>('operation')
        .filter((operation) => isOld(operation, context.nowMs()))
        .slice(0, writesMax);
      const plan = new WritePlan();
      for (const operation of old) plan.remove(type, operation, []);
      return { plan: old.length === 0 ? undefined : plan, old };
    });
    if (outcome.old.length === 0) return count;
    count += outcome.old.length;
  }
}

function isOld(operation: Operation, nowMs: number): boolean {
  const endedAt = operation.status?.endedAt;
  return (
    isEnded(operation) && endedAt !== undefined && timestampMs(endedAt) + operationKeptMs < nowMs
  );
}
