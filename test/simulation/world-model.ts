/**
 * What the store holds, as resources: followed commit by commit as they are made, by the simulation
 * itself and not by any part of the product that is tested.
 */

import { parseRecordKey } from '../../server/src/resource/keys.js';
import { decodeShared } from '../../server/src/resource/record.js';
import type { AnyResource, TypeName } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { Commit } from '../../server/src/store/change-feed.js';
import type { Medium } from './medium.js';

/** Resources as they are stored. */
export class WorldModel {
  readonly #resources = new Map<TypeName, Map<string, AnyResource>>();
  #dirty = new Set<TypeName>();

  constructor(medium: Medium) {
    medium.onCommit((commit) => this.#take(commit));
  }

  get<R extends AnyResource>(type: TypeName, id: string): R | undefined {
    return this.#resources.get(type)?.get(id) as R | undefined;
  }

  list<R extends AnyResource>(type: TypeName): readonly R[] {
    return [...(this.#resources.get(type)?.values() ?? [])] as unknown as R[];
  }

  /** The types that were written since this was asked last. */
  takeChanged(): ReadonlySet<TypeName> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    return dirty;
  }

  /** Takes the store's state in place of what is here: after commits were lost. */
  reload(medium: Medium): void {
    this.#resources.clear();
    for (const { type } of contractTypes.types) this.#dirty.add(type);
    for (const commit of medium.commits) this.#take(commit);
  }

  #take({ events }: Commit): void {
    for (const event of events) {
      const key = parseRecordKey(event.kind === 'put' ? event.entry.key : event.key);
      const type = key && contractTypes.find(key.type);
      if (key === undefined || type === undefined) continue;
      this.#dirty.add(key.type);
      const ofType = this.#resources.get(key.type) ?? new Map<string, AnyResource>();
      this.#resources.set(key.type, ofType);
      if (event.kind === 'put') ofType.set(key.id, decodeShared(type, event.entry));
      else ofType.delete(key.id);
    }
  }
}
