/**
 * Reads fields of an encoded message without decoding the rest of it. Pure; the format is that of
 * protobuf's encoding (tag, then a value whose length follows from the tag's wire type).
 */
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { behaviorOf } from './field-access.js';

/** The bytes of a string, bytes or message field; of several, the last, as decoders take it. */
export function findEncoded(message: Uint8Array, fieldNumber: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  walkEncoded(message, (number, begin, end) => {
    if (number === fieldNumber) found = message.subarray(begin, end);
  });
  return found;
}

/** Where the fields lead to of which a search is for: by their numbers, to the end or further. */
export type EncodedPaths = ReadonlyMap<number, EncodedPaths | 'found'>;

/** The ways to the fields of a message type that have a given annotation. */
export function pathsTo(
  desc: DescMessage,
  select: (behavior: ReturnType<typeof behaviorOf>) => boolean,
): EncodedPaths {
  const known = new Map<DescMessage, EncodedPaths>();
  const pathsOf = (of: DescMessage): EncodedPaths => {
    const found = known.get(of);
    if (found !== undefined) return found;
    const paths = new Map<number, EncodedPaths | 'found'>();
    // Set before its fields are looked at, for messages that hold themselves.
    known.set(of, paths);
    for (const field of of.fields) {
      if (select(behaviorOf(field))) paths.set(field.number, 'found');
      else if (field.message !== undefined) {
        const into = pathsOf(field.message);
        if (into.size > 0) paths.set(field.number, entryOf(field, into));
      }
    }
    return paths;
  };
  return pathsOf(desc);
}

/** An entry of a map is a message of its own: the key is its first field, the value its second. */
const entryOf = ({ fieldKind }: DescField, into: EncodedPaths): EncodedPaths =>
  fieldKind === 'map' ? new Map([[2, into]]) : into;

/** Whether any of the paths' fields is in an encoded message. */
export function hasEncoded(message: Uint8Array, paths: EncodedPaths): boolean {
  if (paths.size === 0) return false;
  let has = false;
  walkEncoded(message, (number, begin, end) => {
    const into = paths.get(number);
    if (into === undefined || has) return;
    has = into === 'found' || hasEncoded(message.subarray(begin, end), into);
  });
  return has;
}

/** Calls `visit` for each field with where its value is; of a number, that is nothing of use. */
function walkEncoded(
  message: Uint8Array,
  visit: (fieldNumber: number, begin: number, end: number) => void,
): void {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at];
      if (byte === undefined) throw new Error('an encoded message ends within a number');
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    const wireType = tag & 7;
    let begin = at;
    if (wireType === WireType.Varint) readVarint();
    else if (wireType === WireType.Bit64) at += 8;
    else if (wireType === WireType.Bit32) at += 4;
    else if (wireType === WireType.LengthDelimited) {
      const length = readVarint();
      begin = at;
      at += length;
    } else throw new Error(`an encoded message has the wire type ${wireType}`);
    if (at > message.length) throw new Error('an encoded message ends within a field');
    visit(Math.floor(tag / 8), begin, at);
  }
}
