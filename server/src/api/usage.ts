/** What the resources of each project take in all, kept up to date from view changes. */
import { type Amounts, amountsOf, isCounted, plus } from '../decide/quota.js';
import type { ViewChange } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import type { View } from '../view/view.js';

const none: Amounts = new Map();

/** The usage of all projects. */
export class Usage {
  readonly #projects = new Map<string, Amounts>();

  /** Counts what the view has, and follows it. */
  constructor(view: View, types: TypeRegistry) {
    for (const { type } of types.types.filter(({ type }) => isCounted(type))) {
      for (const resource of view.list(type)) this.#add(type, resource, 1n);
    }
    view.onChange((change) => this.#changed(change));
  }

  /** What a project's resources take, as the view has them. */
  of(project: string): Amounts {
    return this.#projects.get(project) ?? none;
  }

  #changed({ key: { type }, resource, previous }: ViewChange): void {
    if (!isCounted(type)) return;
    if (previous !== undefined) this.#add(type, previous, -1n);
    if (resource !== undefined) this.#add(type, resource, 1n);
  }

  #add(type: TypeName, resource: AnyResource, factor: bigint): void {
    const { projectId } = resource;
    const sum = plus(this.of(projectId), amountsOf(type, resource), factor);
    if ([...sum.values()].some((amount) => amount !== 0n)) this.#projects.set(projectId, sum);
    else this.#projects.delete(projectId);
  }
}
