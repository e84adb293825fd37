/**
 * The resources that an agent knows, in memory: what is desired of its host, with the agent's own
 * observations merged in. Found by id and by reference.
 */
import type { Lookup } from '../reconcile/driver.js';
import type { ViewChange } from '../reconcile/loop.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import { ReferenceIndex } from '../view/reference-index.js';

/** The agent's view. What it returns must not be changed. */
export class AgentView implements Lookup {
  readonly nowMs: () => number;
  readonly #types: TypeRegistry;
  readonly #resources = new Map<TypeName, Map<string, AnyResource>>();
  readonly #references = new ReferenceIndex();

  constructor(types: TypeRegistry, nowMs: () => number) {
    this.#types = types;
    this.nowMs = nowMs;
    for (const { type } of types.types) this.#resources.set(type, new Map());
  }

  get<R extends AnyResource>(type: TypeName, id: string): R | undefined {
    return this.#resources.get(type)?.get(id) as R | undefined;
  }

  list<R extends AnyResource>(type: TypeName): readonly R[] {
    return [...(this.#resources.get(type)?.values() ?? [])] as unknown as R[];
  }

  referrers<R extends AnyResource>(type: TypeName, id: string): readonly R[] {
    return [...this.#references.referrers(type, id)].flatMap((referrer) => {
      const resource = this.get<R>(type, referrer);
      return resource === undefined ? [] : [resource];
    });
  }

  /**
   * Puts a resource in place of what was there, or with undefined takes it away; tells the change.
   */
  set(key: ResourceKey, resource: AnyResource | undefined): ViewChange {
    const resources = this.#resources.get(key.type);
    const previous = resources?.get(key.id);
    if (resource === undefined) resources?.delete(key.id);
    else resources?.set(key.id, resource);
    const type = this.#types.find(key.type);
    if (type !== undefined) this.#references.change(type, previous, resource);
    return { key, resource, previous };
  }
}
