/**
 * Reading and writing a message's fields by their descriptors, and the header that all resources
 * share.
 */
import { type DescField, isFieldSet, type Message } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Condition } from '@limiquantix/proto/resource/v1/resource_pb.js';

/** The fields that every status message begins with. */
export type AnyStatus = Message & { observedGeneration: bigint; conditions: Condition[] };

/** Any resource of the contract, seen through its header. */
export type AnyResource = Message & {
  id: string;
  name: string;
  description: string;
  projectId: string;
  labels: { [key: string]: string };
  createdAt?: Timestamp;
  createdBy: string;
  etag: string;
  revision: bigint;
  generation: bigint;
  spec?: Message;
  status?: AnyStatus;
};

/** A field's value; undefined if it has presence and isn't set. */
export function getField(message: Message, field: DescField): unknown {
  const values = message as unknown as Record<string, unknown>;
  if (field.oneof !== undefined) {
    const chosen = values[field.oneof.localName] as { case?: string; value?: unknown };
    return chosen.case === field.localName ? chosen.value : undefined;
  }
  if (field.presence !== implicitPresence && !isFieldSet(message, field)) return undefined;
  return values[field.localName];
}

/** Sets a field. */
export function setField(message: Message, field: DescField, value: unknown): void {
  const values = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) values[field.localName] = value;
  else values[field.oneof.localName] = { case: field.localName, value };
}

/** Whether a plain field's zero value means the same as no value. */
export function zeroIsUnset(field: DescField): boolean {
  return field.presence === implicitPresence && field.oneof === undefined;
}

/** FeatureSet.FieldPresence.IMPLICIT of descriptor.proto. */
const implicitPresence = 2;
