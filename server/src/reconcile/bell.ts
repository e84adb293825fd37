/**
 * Wakes one waiter: rung any number of times before it looks, it wakes it once. The waits of the
 * agents' streams end by the bell, by a deadline or by an abort, whichever comes first.
 */
import type { Clock } from './clock.js';

/** A bell for one waiter. */
export class Bell {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes the waiter, or the next one who comes. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Resolves when the bell was rung since the last wait, the time is over, or the signal aborts.
   */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(timeoutMs, done);
        const end = done;
        function done(): void {
          cancel();
          signal.removeEventListener('abort', end);
          resolve();
        }
        this.#wake = done;
        signal.addEventListener('abort', end, { once: true });
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}

/** Resolves after a while, or at once when the signal aborts. */
export async function rest(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  await new Bell(clock).wait(delayMs, signal);
}
