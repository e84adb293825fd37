/**
 * Which resources are to be removed even where their node can't be asked: those whose deletion was
 * forced. Follows the view; the mark itself is in the store.
 */
import type { Poke } from '../reconcile/driver.js';
import type { ViewChange } from '../reconcile/loop.js';
import type { Store } from '../store/store.js';
import { isDeletionForced } from './delete-resource.js';

/** The forced deletions that are under way. */
export class ForcedDeletions {
  readonly #store: Store;
  readonly #poke: Poke;
  readonly #onFailure: (error: unknown) => void;
  readonly #ids = new Set<string>();

  constructor(store: Store, poke: Poke, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#poke = poke;
    this.#onFailure = onFailure;
  }

  /** Whether a resource's deletion was forced. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Follows a change of the view. */
  changed({ key, resource }: ViewChange): void {
    if (resource === undefined) this.#ids.delete(key.id);
    if (resource?.deletionRequestedAt === undefined || this.#ids.has(key.id)) return;
    isDeletionForced(this.#store, key.id).then((isForced) => {
      if (!isForced) return;
      this.#ids.add(key.id);
      this.#poke(key);
    }, this.#onFailure);
  }
}
