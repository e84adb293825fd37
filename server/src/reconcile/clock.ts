/**
 * Time and chance as values that are handed in, so that a run repeats from its seed. `bin` makes
 * the real ones; tests and the simulator make their own.
 */

/** Undoes what it was returned for; idempotent. */
export type Cancel = () => void;

/** The time, and timers on it. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Calls `fn` once after `delayMs`. */
  after(delayMs: number, fn: () => void): Cancel;
}

/** A number from 0 up to, not including, 1. */
export type Random = () => number;
