/**
 * What of a change of a resource is worth an event: its condition Ready or its phase became
 * another. Pure. What is only said in other words is no event.
 */
import { EventSeverity } from '@limiquantix/proto/operations/v1/event_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { ViewChange } from '../resource/lookup.js';
import { readyOf } from '../resource/ready.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';

/** Something that happened to a resource. */
export interface Happening {
  readonly severity: EventSeverity;
  /** In upper camel case. */
  readonly reason: string;
  readonly message: string;
}

/** What happened in a change, or undefined. A resource that is new or gone happened to nobody. */
export function happeningOf(type: ResourceType, change: ViewChange): Happening | undefined {
  const { previous, resource } = change;
  if (previous === undefined || resource === undefined) return undefined;
  const before = stateOf(type, previous);
  const after = stateOf(type, resource);
  if (after === undefined || before?.reason === after.reason) return undefined;
  return after;
}

const alarming: ReadonlySet<string> = new Set([
  'FAILED',
  'CRASHED',
  'LOST',
  'NOT_READY',
  'OFFLINE',
]);

function stateOf(type: ResourceType, { status }: AnyResource): Happening | undefined {
  const condition = readyOf(status?.conditions);
  const phase = phaseOf(type, status?.phase ?? 0);
  if (condition === undefined || phase === undefined) return undefined;
  const isReady = condition.status === ConditionStatus.TRUE;
  const isAlarming = alarming.has(phase) || condition.status === ConditionStatus.FAILED;
  return {
    severity: isAlarming ? EventSeverity.WARNING : EventSeverity.NORMAL,
    reason: isReady ? upperCamel(phase) : condition.reason,
    message: condition.message || `it is ${phase.toLowerCase().replaceAll('_', ' ')}`,
  };
}

/** The phase's word without its prefix, such as `RUNNING`; undefined where it isn't set. */
function phaseOf({ status }: ResourceType, phase: number): string | undefined {
  const desc = status.field['phase']?.enum;
  const name = desc?.value[phase]?.name;
  if (name === undefined || phase === 0) return undefined;
  return name.slice(desc?.sharedPrefix?.length ?? 0);
}

/** `NOT_READY` → `NotReady`. */
const upperCamel = (word: string): string =>
  word
    .toLowerCase()
    .split('_')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
