/**
 * From a message's descriptor to the shape of the Terraform object that stands for it. This is the
 * one place that decides how a kind of field looks in Terraform.
 */

import { create, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { optionOf } from '@limiquantix/proto/binary/option.js';
import type { FieldBehavior } from '@limiquantix/proto/resource/v1/options_pb.js';
import {
  field as behaviorOption,
  FieldBehaviorSchema,
} from '@limiquantix/proto/resource/v1/options_pb.js';
import { hasUniqueItems } from './rules.js';
import type { ObjectShape } from './shape.js';
import { type Attribute, type Collection, type Element, type Mode, objectShape } from './shape.js';

/** Whether a message is what users write, what LimiQuantix observed, or what a call answers. */
export type Side = 'intent' | 'observation' | 'answer';

/** The shape of a message. Throws for what Terraform or its generators can't express. */
export function messageShape(
  message: DescMessage,
  side: Side,
  outer: readonly DescMessage[] = [],
): ObjectShape {
  return objectShape(message, messageAttributes(message, side, outer));
}

/** The attributes that stand for a message's fields. */
export function messageAttributes(
  message: DescMessage,
  side: Side,
  outer: readonly DescMessage[] = [],
): Attribute[] {
  if (outer.includes(message)) throw new Error(`${message.typeName}: contains itself`);
  const inside = [...outer, message];
  return message.fields.flatMap((field) => fieldAttributes(field, side, inside));
}

/** The attributes that stand for a field: one, and for a secret its version beside it. */
export function fieldAttributes(
  field: DescField,
  side: Side,
  outer: readonly DescMessage[],
): Attribute[] {
  const behavior = fieldBehavior(field);
  if (behavior.transient) return [];
  const factOf = uploadFact(field);
  const base: Attribute = {
    name: field.name,
    role: 'field',
    mode: fieldMode({ field, behavior, side, isFact: factOf !== undefined }),
    collection: fieldCollection(field),
    element: fieldElement(field, side, outer),
    field,
    behavior,
    factOf,
    note: '',
  };
  if (!behavior.secret) {
    checkSecret(base);
    return [checkName(base)];
  }
  if (side === 'observation') return [];
  if (side === 'answer') return [checkName({ ...base, role: 'sensitive' })];
  if (base.collection !== 'one' || typeof base.element !== 'string') {
    throw new Error(`${field.toString()}: a secret must be a single plain value`);
  }
  const secret: Attribute = {
    ...base,
    name: `${field.name}_wo`,
    role: 'secret',
    note: `Write-only: it is in no plan and no state. It is sent when \`${field.name}_wo_version\` changes.`,
  };
  const version: Attribute = {
    ...base,
    name: `${field.name}_wo_version`,
    role: 'secret_version',
    mode: 'optional',
    element: 'number',
    // Sending it again costs what the secret's change costs.
    behavior: create(FieldBehaviorSchema, {
      disruption: behavior.disruption,
      immutable: behavior.immutable,
    }),
    note: `A number to change whenever \`${field.name}_wo\` shall be sent again.`,
  };
  return [checkName(secret), checkName(version)];
}

/** What the contract says of a field; nothing in particular without an annotation. */
export function fieldBehavior(field: DescField): FieldBehavior {
  let behavior = behaviors.get(field);
  if (behavior === undefined) {
    behavior = optionOf(field, behaviorOption) ?? plain;
    behaviors.set(field, behavior);
  }
  return behavior;
}

/**
 * Annotations are decoded anew whenever they are asked for, which is often while a shape is made.
 */
const behaviors = new WeakMap<DescField, FieldBehavior>();
const plain = create(FieldBehaviorSchema);

const timestamp = 'google.protobuf.Timestamp';
const duration = 'google.protobuf.Duration';

/** Whether a message is written as one string in Terraform. */
export function isTextMessage(message: DescMessage): boolean {
  return message.typeName === timestamp || message.typeName === duration;
}

/** Names of what must be kept secret. Files and ids that only lead to it are none. */
const secretNames = new RegExp(
  '(^|_)(password|passphrase|secret|psk|token|keyring|credential|' +
    '(private|preshared|secret|access|api)_key)(_pem)?$',
);

/** Refuses what has a secret's name and would be in the state: the contract must call it one. */
function checkSecret({ name, element, field }: Attribute): void {
  if (element !== 'string' || !secretNames.test(name)) return;
  throw new Error(`${field?.toString()}: looks like a secret; annotate it as one, or rename it`);
}

/** Names that clash in the classes that jsii generates from a schema. */
const namesTaken = new Set(['hash_code', 'to_string', 'fqn']);

function checkName(attribute: Attribute): Attribute {
  if (namesTaken.has(attribute.name)) {
    throw new Error(
      `${attribute.field?.toString()}: an attribute named ${attribute.name} breaks the generated ` +
        'constructs; rename the field',
    );
  }
  return attribute;
}

interface ModeQuestion {
  readonly field: DescField;
  readonly behavior: FieldBehavior;
  readonly side: Side;
  readonly isFact: boolean;
}

function fieldMode({ field, behavior, side, isFact }: ModeQuestion): Mode {
  if (side !== 'intent' || behavior.outputOnly) return 'computed';
  if (isFact) return 'optional_computed';
  return behavior.required && field.oneof === undefined ? 'required' : 'optional';
}

function fieldCollection(field: DescField): Collection {
  if (field.fieldKind === 'map') return 'map';
  if (field.fieldKind !== 'list') return 'one';
  return field.listKind !== 'message' && hasUniqueItems(field) ? 'set' : 'list';
}

function fieldElement(field: DescField, side: Side, outer: readonly DescMessage[]): Element {
  if (field.message !== undefined) {
    return isTextMessage(field.message) ? 'string' : messageShape(field.message, side, outer);
  }
  if (field.enum !== undefined) return 'string';
  if (field.fieldKind === 'map' && field.mapKey !== ScalarType.STRING) {
    throw new Error(`${field.toString()}: the keys of a map must be strings`);
  }
  return scalarElement(field.scalar);
}

function scalarElement(scalar: ScalarType | undefined): Element {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 'string';
    case ScalarType.BOOL:
      return 'bool';
    default:
      return 'number';
  }
}

/** Whether a sibling says that its uploaded file's length or hash is kept in this field. */
function uploadFact(field: DescField): Attribute['factOf'] {
  for (const sibling of field.parent.fields) {
    const { upload } = fieldBehavior(sibling);
    if (upload?.sizeField === field.name) return { file: sibling.name, fact: 'size' };
    if (upload?.sha256Field === field.name) return { file: sibling.name, fact: 'sha256' };
  }
  return undefined;
}
