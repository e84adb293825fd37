/** The condition `Ready`, which clients wait for: how it is stated and found. Pure. */
import { create } from '@bufbuild/protobuf';
import {
  type Condition,
  ConditionSchema,
  ConditionStatus,
} from '@limiquantix/proto/resource/v1/resource_pb.js';

const readyType = 'Ready';

/** It can be used as wanted. */
export function ready(): Condition[] {
  return [readyCondition(ConditionStatus.TRUE, 'Ready', '')];
}

/** It can't be used yet, and LimiQuantix is working on it. */
export function notReady(reason: string, message: string): Condition[] {
  return [readyCondition(ConditionStatus.FALSE, reason, message)];
}

/** It can't be used until somebody changes something. */
export function failed(reason: string, message: string): Condition[] {
  return [readyCondition(ConditionStatus.FAILED, reason, message)];
}

/** The condition `Ready` among conditions. */
export function readyOf(conditions: readonly Condition[] | undefined): Condition | undefined {
  return conditions?.find((one) => one.type === readyType);
}

/** The condition `Ready` with any status; the time of its change is set where it is stored. */
export function readyCondition(
  status: ConditionStatus,
  reason: string,
  message: string,
): Condition {
  return create(ConditionSchema, { type: readyType, status, reason, message });
}
