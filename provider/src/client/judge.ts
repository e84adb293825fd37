/** Asks the control plane what a change would come to: `validate_only` of the standard methods. */
import { ShortfallKind, type Verdict } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Judgement, JudgeQuestion } from '../engine/api.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { type Caller, resourceProperty, standardMethod } from './calls.js';

/** Judges a change together with the others of a plan. Throws ApiError. */
export async function judge(
  caller: Caller,
  planId: string,
  shape: ResourceShape,
  question: JudgeQuestion,
): Promise<Judgement | undefined> {
  const rest = { validateOnly: true, planId };
  if (question.kind === 'delete') {
    await caller.unary(standardMethod(shape, 'Delete'), { id: question.id, ...rest });
    return undefined;
  }
  const method = standardMethod(shape, question.kind === 'create' ? 'Create' : 'Update');
  const mask = question.kind === 'update' ? { updateMask: { paths: [...question.paths] } } : {};
  const request = { [resourceProperty(shape, method)]: question.resource, ...mask, ...rest };
  const answer = await caller.unary(method, request);
  const { verdict } = answer as unknown as { readonly verdict?: Verdict };
  if (verdict === undefined) return undefined;
  const { nodeId, reasons, shortfalls, warnings, unsupported } = verdict;
  return {
    nodeId,
    reasons,
    shortfalls: shortfalls.map(({ path, message, kind }) => ({
      path,
      message,
      isQuota: kind === ShortfallKind.QUOTA,
    })),
    warnings,
    unsupported,
  };
}
