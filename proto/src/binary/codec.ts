/**
 * Messages to and from bytes, as the library's functions of the same names, several times faster.
 * What only the library can do is left to it, by message type.
 */
import {
  type DescMessage,
  fromBinary as libraryFromBinary,
  toBinary as libraryToBinary,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { ReadBounds } from './bounds.js';
import { planOf } from './plan.js';
import { blank, type Draft, Reader } from './read.js';
import { Writer } from './write.js';

const writer = new Writer();

/**
 * Reads a message. Byte strings in it share the memory of `bytes`. Throws an Error for bytes that
 * are no message, and for what is beyond the bounds; messages without a plan have none.
 */
export function fromBinary<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  bounds?: ReadBounds,
): MessageShape<Desc> {
  const plan = planOf(schema);
  if (plan === undefined) return libraryFromBinary(schema, bytes);
  return new Reader(bytes, bounds).rest(plan, blank(plan)) as MessageShape<Desc>;
}

/** Writes a message. Throws an Error with the field's name for a value that isn't of its type. */
export function toBinary<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): Uint8Array {
  const plan = planOf(schema);
  if (plan === undefined) return libraryToBinary(schema, message);
  return writer.whole(plan, message as unknown as Draft);
}
