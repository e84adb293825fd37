/**
 * The resources as a plan would leave them: a view with some of them changed, added or gone.
 * Nothing is written; what isn't said here is read from the view below.
 */
import { claimsOf } from '../decide/claims.js';
import { nameKey } from '../resource/keys.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import { nameKeyOf } from '../resource/record.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { ReferenceIndex } from '../view/reference-index.js';

/** A resource as it would be; undefined where it would be gone. */
export interface DraftChange {
  readonly type: ResourceType;
  readonly id: string;
  readonly resource: AnyResource | undefined;
}

/** A view as it would be. */
export class Draft implements AdmissionLookup {
  readonly #base: AdmissionLookup;
  readonly #changed = new Map<TypeName, Map<string, AnyResource | undefined>>();
  readonly #names = new Map<string, string>();
  readonly #claims = new Map<string, string>();
  readonly #references = new ReferenceIndex();

  constructor(base: AdmissionLookup) {
    this.#base = base;
  }

  /** Says how a resource would be. */
  set({ type, id, resource }: DraftChange): void {
    this.reset(type, id);
    const changed = this.#changed.get(type.type) ?? new Map();
    this.#changed.set(type.type, changed.set(id, resource));
    if (resource === undefined) return;
    this.#references.change(type, undefined, resource);
    this.#names.set(nameKeyOf(type, resource), id);
    for (const claim of claimsOf(type.type, resource)) this.#claims.set(claim, id);
  }

  /** Takes back what was said of a resource. */
  reset(type: ResourceType, id: string): void {
    const changed = this.#changed.get(type.type);
    const before = changed?.get(id);
    changed?.delete(id);
    if (before === undefined) return;
    this.#references.change(type, before, undefined);
    const name = nameKeyOf(type, before);
    if (this.#names.get(name) === id) this.#names.delete(name);
    for (const claim of claimsOf(type.type, before)) {
      if (this.#claims.get(claim) === id) this.#claims.delete(claim);
    }
  }

  get<R extends AnyResource>(type: TypeName, id: string): R | undefined {
    const changed = this.#changed.get(type);
    if (changed?.has(id) === true) return changed.get(id) as R | undefined;
    return this.#base.get<R>(type, id);
  }

  list<R extends AnyResource>(type: TypeName): readonly R[] {
    const changed = this.#changed.get(type);
    const below = this.#base.list<R>(type);
    if (changed === undefined || changed.size === 0) return below;
    const here = [...changed.values()].filter((one) => one !== undefined);
    return [...below.filter(({ id }) => !changed.has(id)), ...(here as unknown as R[])];
  }

  referrers<R extends AnyResource>(type: TypeName, id: string): readonly R[] {
    const changed = this.#changed.get(type);
    const below = this.#base.referrers<R>(type, id);
    if (changed === undefined || changed.size === 0) return below;
    const here = [...this.#references.referrers(type, id)].map((one) => changed.get(one));
    return [
      ...below.filter((one) => !changed.has(one.id)),
      ...(here.filter((one) => one !== undefined) as unknown as R[]),
    ];
  }

  nowMs(): number {
    return this.#base.nowMs();
  }

  findByName(options: {
    readonly type: TypeName;
    readonly projectId: string;
    readonly name: string;
  }): AnyResource | undefined {
    const own = this.#names.get(nameKey(options));
    if (own !== undefined) return this.get(options.type, own);
    const below = this.#base.findByName(options);
    const isChanged = below !== undefined && this.#changed.get(options.type)?.has(below.id);
    return isChanged === true ? undefined : below;
  }

  claimant(key: string): string | undefined {
    const own = this.#claims.get(key);
    if (own !== undefined) return own;
    const below = this.#base.claimant(key);
    // A claim is a port's; one that would be gone or otherwise doesn't have it any more.
    const isChanged = below !== undefined && this.#changed.get('port')?.has(below) === true;
    return isChanged ? undefined : below;
  }
}
