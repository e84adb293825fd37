/**
 * What of a status an agent says: the fields that the contract gives to nodes to observe, and of a
 * map that each node observes, its own entry. A failure becomes part of that. Pure.
 */
import { clone, create, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { Observer } from '@limiquantix/proto/resource/v1/options_pb.js';
import { LimiError } from '../resource/error.js';
import { behaviorOf, findField, readField, writeField } from '../resource/field-access.js';
import type { AnyStatus } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';

/** What a failure is said about. */
export interface FailureInput {
  /** The last thing that was observed; undefined where nothing was. */
  readonly last: AnyStatus | undefined;
  readonly error: unknown;
  readonly nodeId: string;
}

/** The part of a status that a node observes. */
export function nodePart(type: ResourceType, status: AnyStatus, nodeId: string): AnyStatus {
  const part = create(type.status) as AnyStatus;
  const source = clone(type.status, status);
  for (const field of type.status.fields) {
    const { observer } = behaviorOf(field);
    if (observer === Observer.NODE) writeField(part, field, readField(source, field));
    if (observer !== Observer.EACH_NODE) continue;
    const own = entriesOf(source, field)[nodeId];
    if (own !== undefined) writeField(part, field, { [nodeId]: own });
  }
  return part;
}

/**
 * The last observation with the failure added to it: in `node_message` and `node_failed` where the
 * status has them, and in `message` of the node's own entry in a map.
 */
export function failureStatus(type: ResourceType, input: FailureInput): AnyStatus {
  const { last, error, nodeId } = input;
  const status = last === undefined ? create(type.status) : nodePart(type, last, nodeId);
  const text = publicText(error);
  set(status, type.status, 'node_message', text);
  set(status, type.status, 'node_failed', isTerminal(error));
  for (const field of type.status.fields) {
    if (behaviorOf(field).observer !== Observer.EACH_NODE || field.message === undefined) continue;
    const entry = (entriesOf(status, field)[nodeId] ?? create(field.message)) as Message;
    set(entry, field.message, 'message', text);
    writeField(status, field, { [nodeId]: entry });
  }
  return status as AnyStatus;
}

/** Whether trying again without a change of intent is in vain. */
export function isTerminal(error: unknown): boolean {
  if (!(error instanceof LimiError) || error.retryable) return false;
  return error.code === Code.FailedPrecondition || error.code === Code.InvalidArgument;
}

/** What of an error may be told: a LimiError's own text, nothing of others. */
function publicText(error: unknown): string {
  if (error instanceof LimiError) return error.message;
  return "an unexpected failure; the node's log has the details";
}

function set(message: Message, desc: DescMessage, name: string, value: unknown): void {
  const field = findField(desc, name);
  if (field !== undefined) writeField(message, field, value);
}

function entriesOf(message: Message, field: DescField): Record<string, unknown> {
  return (readField(message, field) ?? {}) as Record<string, unknown>;
}
