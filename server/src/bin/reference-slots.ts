/**
 * References to other resources in a message: in files and flags they may be names, and are written
 * over with ids. Reads the contract's `reference` annotations.
 */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import {
  behaviorOf,
  createWalk,
  entryPath,
  mapEntries,
  type Visited,
  writeField,
} from '../resource/field-access.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { isId } from './resource-client.js';

/** A reference and the way to write it. */
export interface ReferenceSlot {
  /** Where it is, as the API writes paths. */
  readonly path: string;
  readonly target: TypeName;
  /** The id or, where it was written so, the name. */
  readonly name: string;
  readonly set: (id: string) => void;
}

const walk = createWalk((behavior) => behavior.reference !== '');

/** The references of what a user wrote that are names and no ids. */
export function nameSlots(type: ResourceType, resource: AnyResource): ReferenceSlot[] {
  if (resource.spec === undefined) return [];
  return referenceSlots(type.spec, resource.spec, 'spec').filter(({ name }) => !isId(name));
}

/** All references in a message. */
export function referenceSlots(desc: DescMessage, message: Message, path: string): ReferenceSlot[] {
  const slots: ReferenceSlot[] = [];
  walk({ desc, message, path }, (visited) => slots.push(...slotsOf(visited)));
  return slots.filter(({ name }) => name !== '');
}

function slotsOf({ path, field, parent, value }: Visited): ReferenceSlot[] {
  const target = behaviorOf(field).reference;
  if (typeof value === 'string') {
    return [{ path, target, name: value, set: (id) => writeField(parent, field, id) }];
  }
  if (Array.isArray(value)) {
    return value.map((name, index) => ({
      path: `${path}[${index}]`,
      target,
      name: String(name),
      set: (id) => {
        value[index] = id;
      },
    }));
  }
  return mapEntries(value).map(([key, name]) => ({
    path: entryPath(path, key),
    target,
    name: String(name),
    set: (id) => {
      (value as Record<string, string>)[key] = id;
    },
  }));
}
