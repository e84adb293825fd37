/**
 * Which resources a resource refers to, read from the contract's `reference` annotations. Pure.
 */

import type { DescField, Message } from '@bufbuild/protobuf';
import { behaviorOf, createWalk, entryPath, mapEntries, readField } from './field-access.js';
import type { AnyResource, TypeName } from './resource.js';
import type { ResourceType } from './type-registry.js';

/** A reference from a field to another resource. */
export interface Reference {
  /** The field's path, such as `spec.disks["root"].volume.pool_id`. */
  readonly path: string;
  /** The type of the resource that is referred to. */
  readonly type: TypeName;
  readonly id: string;
}

const walk = createWalk((behavior) => behavior.reference !== '');

/** What the spec refers to: these block the other resource's deletion. */
export function specReferences(type: ResourceType, resource: AnyResource): readonly Reference[] {
  const own = collect(type, resource, 'spec');
  const { status } = resource;
  const field = wholeSpecField(type);
  const whole = status === undefined || field === undefined ? undefined : readField(status, field);
  if (whole === undefined) return own;
  const found = [...own];
  collectIn({ desc: type.spec, message: whole as Message, path: 'spec' }, found);
  return found;
}

const wholeSpecFields = new WeakMap<ResourceType, DescField | null>();

/** The status field that has the spec with what its source gives. */
function wholeSpecField(type: ResourceType): DescField | undefined {
  let known = wholeSpecFields.get(type);
  if (known === undefined) {
    known = type.status.fields.find((field) => behaviorOf(field).wholeSpec) ?? null;
    wholeSpecFields.set(type, known);
  }
  return known ?? undefined;
}

/** What the status refers to, such as the node that a VM is on: for finding, blocks nothing. */
export function statusReferences(type: ResourceType, resource: AnyResource): readonly Reference[] {
  return collect(type, resource, 'status');
}

function collect(
  type: ResourceType,
  resource: AnyResource,
  part: 'spec' | 'status',
): readonly Reference[] {
  const message = resource[part];
  if (message === undefined) return [];
  const found: Reference[] = [];
  collectIn({ desc: type[part], message, path: part }, found);
  return found;
}

function collectIn(root: Parameters<typeof walk>[0], into: Reference[]): void {
  walk(root, ({ path, field, value }) => {
    const target = behaviorOf(field).reference;
    for (const [at, id] of strings(path, value)) {
      if (id !== '') into.push({ path: at, type: target, id });
    }
  });
}

/** The strings of a string, a list or a map of them, each with its path. */
function strings(path: string, value: unknown): [path: string, id: string][] {
  if (typeof value === 'string') return [[path, value]];
  if (Array.isArray(value)) return value.map((id, i) => [`${path}[${i}]`, String(id)]);
  return mapEntries(value).map(([key, id]) => [entryPath(path, key), String(id)]);
}
