/** How pure code reads other resources: a view of them at one moment, in memory. */
import type { AnyResource, TypeName } from './resource.js';

/** Reads other resources as the loop's view has them, observations included. Synchronous, no I/O. */
export interface Lookup {
  /** The resource, or undefined where the view has none. Expected message type is the caller's claim. */
  get<R extends AnyResource>(type: TypeName, id: string): R | undefined;
  /** The resources of `type` that refer to `id` in a reference field, or have it as their owner. */
  referrers<R extends AnyResource>(type: TypeName, id: string): readonly R[];
  /** All resources of a type. */
  list<R extends AnyResource>(type: TypeName): readonly R[];
  /** The loop's clock, in milliseconds since 1970. */
  nowMs(): number;
}
