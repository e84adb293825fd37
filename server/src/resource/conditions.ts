/**
 * Conditions: one aspect of a resource's state each, unique by type. Pure; the time is an argument.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Condition,
  ConditionSchema,
  ConditionStatus,
} from '@limiquantix/proto/resource/v1/resource_pb.js';
import { readyOf } from './ready.js';
import type { AnyResource } from './resource.js';

/** What a condition says. */
export interface ConditionValue {
  readonly type: string;
  readonly status: ConditionStatus;
  /** A stable word in upper camel case. */
  readonly reason: string;
  /** For people: what is missing and what to do. */
  readonly message: string;
}

/** The condition of that type, or undefined. */
export function findCondition(
  conditions: readonly Condition[],
  type: string,
): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/**
 * The conditions with one added or replaced. `last_transition_at` is `nowMs` where its status
 * changed, and stays where it didn't.
 */
export function setCondition(
  conditions: readonly Condition[],
  value: ConditionValue,
  nowMs: number,
): Condition[] {
  const before = findCondition(conditions, value.type);
  const kept = before?.status === value.status ? before.lastTransitionAt : undefined;
  const next = create(ConditionSchema, {
    ...value,
    lastTransitionAt: kept ?? timestampFromMs(nowMs),
  });
  if (before === undefined) return [...conditions, next];
  return conditions.map((condition) => (condition === before ? next : condition));
}

/** Whether the condition Ready holds for the newest generation of the spec. */
export function isReady(resource: AnyResource): boolean {
  const { status } = resource;
  if (status === undefined || status.observedGeneration !== resource.generation) return false;
  return readyOf(status.conditions)?.status === ConditionStatus.TRUE;
}
