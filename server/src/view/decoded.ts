/**
 * The resources of a type that were decoded last. A bounded number: what is asked for again and
 * again is decoded once, and a hundred thousand records cost their bytes and not their objects.
 */
import type { RecordEntry } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';

/** How many are kept of a type, when nothing else is said. */
export const decodedMaxDefault = 16_384;

/** The decoded resources of one type. */
export class Decoded {
  readonly #generationMax: number;
  /** Those that were asked for since the other generation was full, and those before. */
  #young = new Map<RecordEntry, AnyResource>();
  #old = new Map<RecordEntry, AnyResource>();

  constructor(decodedMax: number) {
    this.#generationMax = Math.ceil(decodedMax / 2);
  }

  /** The resource of a record; `decode` makes it where it isn't kept. */
  get(record: RecordEntry, decode: () => AnyResource): AnyResource {
    let resource = this.#young.get(record);
    if (resource !== undefined) return resource;
    resource = this.#old.get(record) ?? decode();
    this.#old.delete(record);
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(record, resource);
    return resource;
  }

  /** Forgets a record that is no longer the newest. */
  forget(record: RecordEntry): void {
    this.#young.delete(record);
    this.#old.delete(record);
  }
}
