/**
 * The chance of a simulated run: everything that is left to luck is drawn here, so that a run
 * repeats from its seed. Parts of the run draw from streams of their own, which don't disturb each
 * other.
 */

import { seeded } from '../../proto/src/validation/check-testing.js';

/** A stream of chance. */
export class Chance {
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed | 0;
    this.random = seeded(this.#seed);
  }

  /** A whole number below a bound. */
  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  /** A whole number of a range, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True as often as the probability says. */
  is(probability: number): boolean {
    return this.random() < probability;
  }

  /** One of several. Throws where there is none. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  readonly bytes = (count: number): Uint8Array => {
    const bytes = Buffer.allocUnsafe(count);
    for (let i = 0; i < count; i += 1) bytes[i] = this.below(256);
    return bytes;
  };

  /** A stream of its own for a part of the run, the same for the same seed and name. */
  fork(name: string): Chance {
    let hash = this.#seed ^ 0x811c9dc5;
    for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
    return new Chance(hash);
  }
}
