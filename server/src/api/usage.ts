/** What resources take of each project's quota and each pool, kept up to date from view changes. */
import { type Account, type Amounts, chargesOf, isCounted, plus } from '../decide/quota.js';
import type { ViewChange } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import type { View } from '../view/view.js';

const none: Amounts = new Map();

/** The usage of all accounts. */
export class Usage {
  readonly #accounts = new Map<Account, Amounts>();

  /** Counts what the view has, and follows it. */
  constructor(view: View, types: TypeRegistry) {
    for (const { type } of types.types.filter(({ type }) => isCounted(type))) {
      for (const resource of view.list(type)) this.#add(type, resource, 1n);
    }
    view.onChange((change) => this.#changed(change));
  }

  /** What is taken of an account, as the view has it: of a project's, by the project's name. */
  of(account: Account): Amounts {
    return this.#accounts.get(account) ?? none;
  }

  #changed({ key: { type }, resource, previous }: ViewChange): void {
    if (!isCounted(type)) return;
    if (previous !== undefined) this.#add(type, previous, -1n);
    if (resource !== undefined) this.#add(type, resource, 1n);
  }

  #add(type: TypeName, resource: AnyResource, factor: bigint): void {
    for (const [account, amounts] of chargesOf(type, resource)) {
      const sum = plus(this.of(account), amounts, factor);
      if ([...sum.values()].some((amount) => amount !== 0n)) this.#accounts.set(account, sum);
      else this.#accounts.delete(account);
    }
  }
}
