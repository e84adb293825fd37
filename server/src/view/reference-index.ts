/**
 * Who refers to whom: an index over the references in specs and statuses and over owners. Holds ids
 * only.
 */
import { specReferences, statusReferences } from '../resource/references.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';

const none: ReadonlySet<string> = new Set();

/** The index. */
export class ReferenceIndex {
  /** `<target id>/<type of the referring resource>` → the ids of those. */
  readonly #referrers = new Map<string, Set<string>>();

  /** Follows a change of one resource: from what it referred to, to what it refers to. */
  change(
    type: ResourceType,
    previous: AnyResource | undefined,
    resource: AnyResource | undefined,
  ): void {
    const before = previous === undefined ? none : targetsOf(type, previous);
    const after = resource === undefined ? none : targetsOf(type, resource);
    const id = (resource ?? previous)?.id ?? '';
    for (const target of before) if (!after.has(target)) this.#remove(target, type.type, id);
    for (const target of after) if (!before.has(target)) this.#add(target, type.type, id);
  }

  /** The ids of the resources of a type that refer to a resource or are owned by it. */
  referrers(type: TypeName, targetId: string): ReadonlySet<string> {
    return this.#referrers.get(`${targetId}/${type}`) ?? none;
  }

  #add(target: string, type: TypeName, id: string): void {
    const key = `${target}/${type}`;
    const ids = this.#referrers.get(key);
    if (ids === undefined) this.#referrers.set(key, new Set([id]));
    else ids.add(id);
  }

  #remove(target: string, type: TypeName, id: string): void {
    const key = `${target}/${type}`;
    const ids = this.#referrers.get(key);
    ids?.delete(id);
    if (ids?.size === 0) this.#referrers.delete(key);
  }
}

function targetsOf(type: ResourceType, resource: AnyResource): ReadonlySet<string> {
  const targets = new Set<string>();
  for (const { id } of specReferences(type, resource)) targets.add(id);
  for (const { id } of statusReferences(type, resource)) targets.add(id);
  if (resource.owner !== undefined) targets.add(resource.owner.id);
  return targets;
}
