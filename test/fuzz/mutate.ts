/**
 * Changes to valid input that break decoders: bits, lengths, counts and tags, cut and spliced
 * pieces, and one piece many times over. Pure but for the chance that is handed in.
 */
import type { Random } from './random.js';

/** What changes are made of. */
export interface MutationOptions {
  /** Whether input is text, which is changed by letters and words. */
  readonly isText: boolean;
  /** What means something in the text: brackets, operators, keywords. */
  readonly words: readonly string[];
  /** Other inputs, to splice with. */
  readonly others: readonly Uint8Array[];
  readonly bytesMax: number;
}

const changesMax = 6;
const repeatsMax = 20_000;

/** Changes an input in one or several places. */
export function mutate(input: Uint8Array, random: Random, options: MutationOptions): Uint8Array {
  let bytes: Buffer = Buffer.from(input);
  for (let left = 1 + random.size(changesMax); left > 0; left -= 1) {
    const change = random.pick(options.isText && random.chance(0.8) ? textChanges : byteChanges);
    bytes = change(bytes, random, options).subarray(0, options.bytesMax);
  }
  return bytes;
}

type Change = (bytes: Buffer, random: Random, options: MutationOptions) => Buffer;

const byteChanges: readonly Change[] = [
  flipBit,
  setByte,
  setNumber,
  setNumber,
  insert,
  remove,
  copy,
  truncate,
  splice,
  repeat,
];

const textChanges: readonly Change[] = [insertWord, insertWord, remove, copy, splice, repeat, nest];

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

function setByte(bytes: Buffer, random: Random): Buffer {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.edge() & 0xff;
  return bytes;
}

/** A number of 2, 4 or 8 bytes, either end first, or a variable-length one of protobuf. */
function setNumber(bytes: Buffer, random: Random): Buffer {
  const value = random.edge();
  const kind = random.below(5);
  if (kind === 4) return replace(bytes, random, varint(value));
  const number = Buffer.alloc(8);
  if (kind === 0) number.writeUInt16BE(value & 0xffff);
  else if (kind === 1) number.writeUInt32BE(value);
  else if (kind === 2) number.writeUInt32LE(value);
  else number.writeBigUInt64BE((BigInt(random.edge()) << 32n) | BigInt(value));
  return replace(bytes, random, number.subarray(0, [2, 4, 4, 8][kind]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}

function replace(bytes: Buffer, random: Random, by: Uint8Array): Buffer {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + by.length)]);
}

function insert(bytes: Buffer, random: Random): Buffer {
  return put(bytes, random, random.bytes(1 + random.size(16)));
}

function put(bytes: Buffer, random: Random, piece: Uint8Array): Buffer {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function remove(bytes: Buffer, random: Random): Buffer {
  const [begin, end] = range(bytes, random);
  return Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]);
}

function copy(bytes: Buffer, random: Random): Buffer {
  return put(bytes, random, bytes.subarray(...range(bytes, random)));
}

function truncate(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.below(bytes.length + 1));
}

function splice(bytes: Buffer, random: Random, { others }: MutationOptions): Buffer {
  if (others.length === 0) return bytes;
  const other = Buffer.from(random.pick(others));
  const head = bytes.subarray(0, random.below(bytes.length + 1));
  return Buffer.concat([head, other.subarray(random.below(other.length + 1))]);
}

/** One piece so often that what isn't linear shows, and what is recursive ends. */
function repeat(bytes: Buffer, random: Random, { bytesMax }: MutationOptions): Buffer {
  const [begin, end] = range(bytes, random);
  const piece = bytes.subarray(begin, Math.min(end, begin + 64));
  if (piece.length === 0) return bytes;
  const times = Math.min(random.size(repeatsMax), Math.floor(bytesMax / piece.length));
  const all = Buffer.alloc(piece.length * times, piece);
  return Buffer.concat([bytes.subarray(0, end), all, bytes.subarray(end)]);
}

function insertWord(bytes: Buffer, random: Random, { words }: MutationOptions): Buffer {
  const word = words.length === 0 ? random.text(4) : random.pick(words);
  return put(bytes, random, Buffer.from(word));
}

/** Brackets around a piece, many of them. */
function nest(bytes: Buffer, random: Random, { bytesMax }: MutationOptions): Buffer {
  const [open, close] = random.pick(['[]', '{}', '()', '""', "''", '!!', '--', '<>', '*&']);
  const [begin, end] = range(bytes, random);
  const depth = Math.min(random.size(repeatsMax), Math.floor(bytesMax / 2));
  return Buffer.concat([
    bytes.subarray(0, begin),
    Buffer.alloc(depth, open),
    bytes.subarray(begin, end),
    Buffer.alloc(depth, close),
    bytes.subarray(end),
  ]);
}

function range(bytes: Buffer, random: Random): [begin: number, end: number] {
  const begin = random.below(bytes.length + 1);
  return [begin, Math.min(bytes.length, begin + 1 + random.size(bytes.length))];
}
