/**
 * Reads and writes fields of messages by their descriptors, and walks the set fields that have a
 * given annotation. Pure but for `writeField` and what a visitor does. Paths are written as users
 * write them: `spec.disks["root"].volume.size_gib`, `spec.node_ids[0]`.
 */

import {
  clearField,
  create,
  type DescField,
  type DescMessage,
  isFieldSet,
  type Message,
} from '@bufbuild/protobuf';
import { optionOf } from '@limiquantix/proto/binary/option.js';
import {
  type FieldBehavior,
  FieldBehaviorSchema,
  field as fieldOption,
} from '@limiquantix/proto/resource/v1/options_pb.js';

type Bag = Record<string, unknown>;

const behaviors = new WeakMap<DescField, FieldBehavior>();
const plain = create(FieldBehaviorSchema);

/** A field's annotation; without one, an empty one. */
export function behaviorOf(field: DescField): FieldBehavior {
  let found = behaviors.get(field);
  if (found === undefined) {
    found = optionOf(field, fieldOption) ?? plain;
    behaviors.set(field, found);
  }
  return found;
}

/** A field's value: undefined where it isn't set, and an empty list or map counts as not set. */
export function readField(message: Message, field: DescField): unknown {
  if (!isFieldSet(message, field)) return undefined;
  const bag = message as unknown as Bag;
  if (field.oneof === undefined) return bag[field.localName];
  return (bag[field.oneof.localName] as { value: unknown }).value;
}

/** Sets a field, or clears it with undefined. Changes the message. */
export function writeField(message: Message, field: DescField, value: unknown): void {
  if (value === undefined) {
    clearField(message, field);
    return;
  }
  const bag = message as unknown as Bag;
  if (field.oneof === undefined) bag[field.localName] = value;
  else bag[field.oneof.localName] = { case: field.localName, value };
}

/** The field of that name, or undefined. */
export function findField(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.name === name);
}

/** The entries of a map field's value, by key in alphabetical order. */
export function mapEntries(value: unknown): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The path of a field in the message at `prefix`. */
export const fieldPath = (prefix: string, field: DescField): string =>
  prefix === '' ? field.name : `${prefix}.${field.name}`;

/** The path of a map's entry. */
export const entryPath = (path: string, key: string): string => `${path}[${JSON.stringify(key)}]`;

/** Messages that are values to us, such as a timestamp: never walked into. */
export const isPlainValue = (desc: DescMessage): boolean =>
  desc.typeName.startsWith('google.protobuf.');

/** A field that a walk came upon. */
export interface Visited {
  readonly path: string;
  readonly field: DescField;
  /** The message that has the field. */
  readonly parent: Message;
  /** Its value; never undefined. */
  readonly value: unknown;
}

/** Calls `visit` for each selected field that is set in the message or below. */
export type Walk = (
  root: { readonly desc: DescMessage; readonly message: Message; readonly path: string },
  visit: (visited: Visited) => void,
) => void;

/**
 * Makes a walk that visits the fields of which `select` is true, and doesn't look where none can
 * be: what leads to one is found out once for each message type. A selected field isn't walked
 * into.
 */
export function createWalk(select: (behavior: FieldBehavior) => boolean): Walk {
  const plans = new Map<DescMessage, Plan>();
  const planOf = (desc: DescMessage): Plan => {
    const known = plans.get(desc);
    if (known !== undefined) return known;
    const steps: Step[] = [];
    const plan: Plan = { steps };
    // Set before its fields are looked at, for messages that hold themselves.
    plans.set(desc, plan);
    for (const field of desc.fields) {
      if (select(behaviorOf(field))) steps.push({ field, into: undefined });
      else if (field.message !== undefined && !isPlainValue(field.message)) {
        const into = planOf(field.message);
        if (into.steps.length > 0) steps.push({ field, into });
      }
    }
    return plan;
  };
  return ({ desc, message, path }, visit) =>
    walkMessage({ plan: planOf(desc), message, path }, visit);
}

interface Plan {
  readonly steps: readonly Step[];
}

interface Step {
  readonly field: DescField;
  /** Undefined for a selected field. */
  readonly into: Plan | undefined;
}

function walkMessage(
  at: { plan: Plan; message: Message; path: string },
  visit: (visited: Visited) => void,
): void {
  for (const { field, into } of at.plan.steps) {
    const value = readField(at.message, field);
    if (value === undefined) continue;
    const path = fieldPath(at.path, field);
    if (into === undefined) visit({ path, field, parent: at.message, value });
    else for (const part of parts(field, value, path)) walkMessage({ plan: into, ...part }, visit);
  }
}

function parts(
  field: DescField,
  value: unknown,
  path: string,
): readonly { message: Message; path: string }[] {
  if (field.fieldKind === 'list') {
    return (value as Message[]).map((message, i) => ({ message, path: `${path}[${i}]` }));
  }
  if (field.fieldKind === 'map') {
    return mapEntries(value).map(([key, entry]) => ({
      message: entry as Message,
      path: entryPath(path, key),
    }));
  }
  return [{ message: value as Message, path }];
}
