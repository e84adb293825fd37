/**
 * Merges what an agent observed into a resource's status, by the contract's `observer` annotations:
 * an agent's word counts for the fields that agents observe, and for no other. Pure.
 */
import { clone, type DescField, equals } from '@bufbuild/protobuf';
import { Observer } from '@limiquantix/proto/resource/v1/options_pb.js';
import { setCondition } from './conditions.js';
import { behaviorOf, mapEntries, readField, writeField } from './field-access.js';
import type { AnyStatus } from './resource.js';
import type { ResourceType } from './type-registry.js';

/** What was observed, by whom and when. */
export interface ObservedStatus {
  /** The status as it is. */
  readonly current: AnyStatus;
  /** The observation: only what the agent observes counts. */
  readonly observed: AnyStatus;
  /** The node whose agent observed it. */
  readonly nodeId: string;
  readonly nowMs: number;
}

/**
 * The merged status: fields that the node observes are the observation's (cleared where it has
 * none), of a map that each node observes only the node's own entry is, conditions are merged by
 * type. Returns `current` itself where nothing changed.
 */
export function mergeStatus(type: ResourceType, input: ObservedStatus): AnyStatus {
  const next = clone(type.status, input.current) as AnyStatus;
  for (const field of type.status.fields) {
    const { observer } = behaviorOf(field);
    if (observer === Observer.NODE) writeField(next, field, readField(input.observed, field));
    if (observer === Observer.EACH_NODE) mergeEntry(next, field, input);
  }
  for (const condition of input.observed.conditions) {
    next.conditions = setCondition(next.conditions, condition, input.nowMs);
  }
  return equals(type.status, input.current, next) ? input.current : next;
}

/**
 * The status without what a node observed: for a node that is gone. Returns `current` if that is
 * all.
 */
export function forgetNode(type: ResourceType, current: AnyStatus, nodeId: string): AnyStatus {
  const next = clone(type.status, current) as AnyStatus;
  for (const field of type.status.fields) {
    if (behaviorOf(field).observer !== Observer.EACH_NODE) continue;
    writeField(next, field, Object.fromEntries(otherEntries(next, field, nodeId)));
  }
  return equals(type.status, current, next) ? current : next;
}

function mergeEntry(next: AnyStatus, field: DescField, input: ObservedStatus): void {
  const entries = otherEntries(next, field, input.nodeId);
  const own = mapEntries(readField(input.observed, field)).find(([key]) => key === input.nodeId);
  if (own !== undefined) entries.push(own);
  writeField(next, field, Object.fromEntries(entries));
}

function otherEntries(status: AnyStatus, field: DescField, nodeId: string): [string, unknown][] {
  return mapEntries(readField(status, field)).filter(([key]) => key !== nodeId);
}
