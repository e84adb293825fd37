/** How pure code reads other resources: a view of them at one moment, in memory. */
import type { AnyResource, ResourceKey, TypeName } from './resource.js';

/**
 * Reads other resources as the loop's view has them, observations included. Synchronous, no I/O.
 */
export interface Lookup {
  /**
   * The resource, or undefined where the view has none. Expected message type is the caller's
   * claim.
   */
  get<R extends AnyResource>(type: TypeName, id: string): R | undefined;
  /** The resources of `type` that refer to `id` in a reference field, or have it as their owner. */
  referrers<R extends AnyResource>(type: TypeName, id: string): readonly R[];
  /** All resources of a type. */
  list<R extends AnyResource>(type: TypeName): readonly R[];
  /** The loop's clock, in milliseconds since 1970. */
  nowMs(): number;
}

/** What admission reads besides: who has a name, and who has a key that only one can have. */
export interface AdmissionLookup extends Lookup {
  /** The resource of a type that has a name in its project, or undefined. */
  findByName(options: {
    readonly type: TypeName;
    readonly projectId: string;
    readonly name: string;
  }): AnyResource | undefined;
  /** The id of the resource that has a claim, or undefined. The keys are of `resource/keys.ts`. */
  claimant(key: string): string | undefined;
}

/** A change in a view of the resources. */
export interface ViewChange {
  readonly key: ResourceKey;
  /** As it is now; undefined when it left the view. */
  readonly resource: AnyResource | undefined;
  /** As it was before; undefined when it is new. */
  readonly previous: AnyResource | undefined;
}
