/**
 * From messages to Terraform values. In a spec, what nobody wrote is null; in a status, zero and
 * false are what was observed and stay.
 */
import { type DescField, type Message, toJson } from '@bufbuild/protobuf';
import { enumWord } from '@limiquantix/proto/validation/enum-word.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Attribute, ObjectShape } from '../schema/shape.js';
import { type ObjectValue, record, type Value } from '../value/value.js';
import { type AnyResource, getField, zeroIsUnset } from './fields.js';

/**
 * The Terraform object for a resource. What only Terraform knows (secrets' versions, the provider's
 * own) is null.
 */
export function resourceToValue(shape: ResourceShape, message: AnyResource): ObjectValue {
  const result = record();
  // In the schema's order, header first.
  writeFields(result, shape.header, message);
  const { spec, status } = message;
  if (spec === undefined) writeNulls(result, shape.spec.attributes);
  else writeFields(result, shape.spec.attributes, spec);
  result['status'] = status === undefined ? null : objectToValue(shape.status, status);
  writeNulls(result, shape.own);
  return result;
}

/** What a data source shows of a resource: the attributes of its shape, all of them as observed. */
export function resourceToData(shape: ObjectShape, message: AnyResource): ObjectValue {
  const result = record();
  const { spec } = message;
  for (const attribute of shape.attributes) {
    const { field, name } = attribute;
    const source = field?.parent.typeName === spec?.$typeName ? spec : message;
    result[name] =
      field === undefined || source === undefined ? null : fieldToValue(attribute, field, source);
  }
  return result;
}

/** The Terraform object for a message. */
export function objectToValue(shape: ObjectShape, message: Message): ObjectValue {
  const result = record();
  writeFields(result, shape.attributes, message);
  return result;
}

function writeFields(
  result: Record<string, Value>,
  attributes: readonly Attribute[],
  message: Message,
): void {
  for (const attribute of attributes) {
    const { field, role, name } = attribute;
    result[name] =
      field === undefined || !isShown(role) ? null : fieldToValue(attribute, field, message);
  }
}

const isShown = (role: Attribute['role']): boolean => role === 'field' || role === 'sensitive';

function writeNulls(result: Record<string, Value>, attributes: readonly Attribute[]): void {
  for (const { name } of attributes) result[name] = null;
}

function fieldToValue(attribute: Attribute, field: DescField, message: Message): Value {
  const value = getField(message, field);
  if (value === undefined) return null;
  const observed = attribute.mode === 'computed';
  if (attribute.collection === 'map') {
    const entries = Object.entries(value as Record<string, unknown>);
    if (entries.length === 0 && !observed) return null;
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return record(entries.map(([key, item]) => [key, elementToValue(attribute, field, item)]));
  }
  if (attribute.collection !== 'one') {
    const items = value as readonly unknown[];
    if (items.length === 0 && !observed) return null;
    return items.map((item) => elementToValue(attribute, field, item));
  }
  const unset = zeroIsUnset(field) && (value === '' || (!observed && isZero(value)));
  return unset ? null : elementToValue(attribute, field, value);
}

function isZero(value: unknown): boolean {
  return value === 0 || value === 0n || value === false;
}

function elementToValue(attribute: Attribute, field: DescField, value: unknown): Value {
  if (typeof attribute.element !== 'string') {
    return objectToValue(attribute.element, value as Message);
  }
  if (field.message !== undefined) {
    return String(toJson(field.message, value as Message));
  }
  if (field.enum !== undefined) {
    if (value === 0) return null;
    const known = field.enum.values.find(({ number }) => number === value);
    return known === undefined ? `unknown_${String(value)}` : enumWord(field.enum, known);
  }
  if (typeof value === 'bigint') {
    const double = Number(value);
    return Number.isSafeInteger(double) ? double : value;
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value as string | number | boolean;
}
