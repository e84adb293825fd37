/**
 * What backends hold, in words that all of them share: one object each, with the resource that it
 * belongs to where it is ours. Drivers tell it, `inventory.ts` compares it with intent. Pure.
 */
import { nameOf } from '../resource/key-name.js';
import type { ResourceKey, TypeName } from '../resource/resource.js';

/** Something that a backend holds. */
export interface BackendObject {
  /** The backend, such as `libvirt`. */
  readonly backend: string;
  /** What it is there, such as `domain`. */
  readonly kind: string;
  /** What it is called there. */
  readonly name: string;
  /** The type of the resource that it belongs to; empty where it isn't ours. */
  readonly type: TypeName;
  /** That resource's id; empty where it isn't ours. */
  readonly id: string;
  /** The resource's project, as the object itself says; empty where it doesn't. */
  readonly projectId: string;
  /** The resource's name, as the object itself says; empty where it doesn't. */
  readonly resourceName: string;
  /** What is to be known of it, for people, such as `running`. */
  readonly detail: string;
  /** Whether it holds what nobody could make again. */
  readonly holdsData: boolean;
}

/** A resource whose object is not as wanted. */
export interface Deviation extends ResourceKey {
  /** How, for people. */
  readonly message: string;
}

/** What was found in the backends of one place. */
export interface Inspected {
  readonly objects: readonly BackendObject[];
  readonly deviations: readonly Deviation[];
  /** What could not be asked, for people. */
  readonly failures: readonly string[];
}

type Named = Pick<BackendObject, 'backend' | 'kind' | 'name'>;

/** An object that belongs to a resource. */
export function ownObject(
  object: Named & ResourceKey & Partial<Omit<BackendObject, keyof Named>>,
): BackendObject {
  return { projectId: '', resourceName: '', detail: '', holdsData: false, ...object };
}

/** An object that is somebody else's. */
export function foreignObject(object: Named & { readonly detail?: string }): BackendObject {
  return ownObject({ type: '', id: '', ...object });
}

/** The resources that objects belong to, each once. */
export function keysOf(objects: readonly BackendObject[]): ResourceKey[] {
  const own = objects.filter(({ id }) => id !== '');
  return [...new Map(own.map(({ type, id }) => [nameOf({ type, id }), { type, id }])).values()];
}
