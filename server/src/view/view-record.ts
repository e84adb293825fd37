/**
 * A record as the view keeps it. Its bytes are a string of characters from 0 to 255: the garbage
 * collector keeps strings densely and moves them together, while an array of bytes is an object, a
 * buffer and a block of its own outside the heap, which cost more than a record's bytes.
 */
import type { RecordEntry } from '../resource/record.js';

/** A resource as bytes, with its id. */
export class ViewRecord implements RecordEntry {
  readonly id: string;
  readonly revision: bigint;
  readonly #text: string;

  constructor(id: string, { value, revision }: RecordEntry) {
    this.id = id;
    this.revision = revision;
    this.#text = Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
  }

  /** How many bytes it has. */
  get length(): number {
    return this.#text.length;
  }

  /** The bytes, made anew each time. */
  get value(): Uint8Array {
    return Buffer.from(this.#text, 'latin1');
  }
}
