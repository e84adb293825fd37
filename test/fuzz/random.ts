/**
 * Chance from a seed: the same seed gives the same numbers, so that a run of the fuzzer repeats. It
 * knows no target.
 */
import { seeded } from '../../proto/src/validation/check-testing.js';

/** Whole numbers at which lengths, counts and offsets go wrong. */
const edges = [
  ...[0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1_000, 4_095, 4_096],
  ...[0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7f_ffff, 0xff_ffff, 0x100_0000, 0x3fff_ffff],
  ...[0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff],
];

/** A source of chance. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** From 0 to below 1. */
  unit(): number {
    return this.#next();
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#next() * end);
  }

  /** A whole number from `first` to `last`. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** One of several. */
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Small mostly, seldom up to `most`. */
  size(most: number): number {
    return Math.min(most, Math.floor(2 ** (this.#next() * Math.log2(most + 1))) - 1);
  }

  /** A whole number of 32 bits: often one at which something goes wrong. */
  edge(): number {
    return this.chance(0.7) ? this.pick(edges) : this.below(2 ** 32);
  }

  /** So many bytes. */
  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let i = 0; i < count; i += 1) bytes[i] = this.below(256);
    return bytes;
  }

  /** A list of what `make` makes. */
  many<T>(most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.size(most) }, (_, index) => make(index));
  }

  /** Text for people: short, and seldom beyond ASCII. */
  text(most = 12): string {
    return this.many(most, () => this.pick(letters)).join('');
  }
}

const letters = [
  ...'abcdefgxyzABZ0123456789-_./ ',
  ...[
    'ü',
    '☃',
    '😀',
    '"',
    "'",
    '\\',
    '\n',
    '\t',
    '\0',
    '\u2028',
    ',',
    ':',
    '=',
    '%',
    '{',
    '<',
    '&',
  ],
];

/** A seed of its own for each part of something that has one: FNV-1a over the text. */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const letter of parts.join('\u0000')) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}
