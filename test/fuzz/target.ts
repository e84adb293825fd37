/**
 * What can be fuzzed: a decoder with its valid input, its documented errors and what must hold of
 * what it gives. The harness around it knows no decoder.
 */
import type { Random } from './random.js';

/** A decoder under test. */
export interface Target {
  /** Such as `xdr`: the name of its corpus' folder, and of `make fuzz TARGET=`. */
  readonly name: string;
  /** Makes an input that is valid, or nearly. */
  make(random: Random): Uint8Array;
  /**
   * Decodes, and throws `Broken` where what comes out isn't as it should be. The result is held
   * until memory was measured.
   */
  run(input: Uint8Array): unknown;
  /** Whether an error is one that the decoder's documentation names. */
  isRefusal(error: unknown): boolean;
  /** Whether input is text; bytes without it. */
  readonly isText?: boolean;
  /** What means something in the text. */
  readonly words?: readonly string[];
  /** The longest input that is tried; 64 KiB without it. */
  readonly bytesMax?: number;
  /** Bytes that may be allocated for any input; 16 MiB without it. */
  readonly freeBytes?: number;
  /** Bytes that may be allocated for one of the input's; 400 without it. */
  readonly bytesPerByte?: number;
  /** Milliseconds of processor time that any input may take; 1,000 without it. */
  readonly freeMs?: number;
  /** Nanoseconds of processor time that may be spent on one byte of input; 10,000 without it. */
  readonly nsPerByte?: number;
}

/** What comes out of a decoder isn't as it should be. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** An input that never gets to the decoder: it is refused before, by what isn't under test. */
export class Outside extends Error {
  override readonly name = 'Outside';
}

/** Throws `Broken` unless something holds. */
export function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}

/** What came of an input. */
export type Outcome =
  | { readonly kind: 'decoded' }
  /** Refused with a documented error: its words without figures, to tell inputs apart by. */
  | { readonly kind: 'refused'; readonly why: string }
  | Finding;

/** Something that must not happen. */
export interface Finding {
  readonly kind: 'error' | 'slow' | 'memory' | 'hang' | 'crash';
  /** For people: the error with its stack, or what was measured and allowed. */
  readonly what: string;
  /** The same for findings of one cause. */
  readonly signature: string;
}

/** Whether an outcome is one that must not be. */
export function isFinding(outcome: Outcome): outcome is Finding {
  return outcome.kind !== 'decoded' && outcome.kind !== 'refused';
}
