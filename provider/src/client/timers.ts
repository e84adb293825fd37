/** Time to wait in, as a value that is handed in: the process gives the real one. */

/** Timers. */
export interface Timers {
  /** Calls `fn` once after `delayMs`; returns what undoes it (idempotent). */
  after(delayMs: number, fn: () => void): () => void;
}
