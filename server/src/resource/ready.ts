/** The condition `Ready` as drivers state it. Pure. */
import { create } from '@bufbuild/protobuf';
import {
  type Condition,
  ConditionSchema,
  ConditionStatus,
} from '@limiquantix/proto/resource/v1/resource_pb.js';

/** It can be used as wanted. */
export function ready(): Condition[] {
  return [condition(ConditionStatus.TRUE, 'Ready', '')];
}

/** It can't be used yet, and LimiQuantix is working on it. */
export function notReady(reason: string, message: string): Condition[] {
  return [condition(ConditionStatus.FALSE, reason, message)];
}

/** It can't be used until somebody changes something. */
export function failed(reason: string, message: string): Condition[] {
  return [condition(ConditionStatus.FAILED, reason, message)];
}

/** The condition `Ready` among conditions. */
export function readyOf(conditions: readonly Condition[] | undefined): Condition | undefined {
  return conditions?.find((one) => one.type === 'Ready');
}

function condition(status: ConditionStatus, reason: string, message: string): Condition {
  return create(ConditionSchema, { type: 'Ready', status, reason, message });
}
