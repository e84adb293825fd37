/** A clock that stands still until it is told to go on: for tests and the simulator. */
import type { Cancel, Clock } from './clock.js';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/**
 * Virtual time, in whole milliseconds. Timers due at the same time run in the order in which they
 * were set.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fn: () => void): Cancel {
    const timer = { dueMs: this.#nowMs + Math.ceil(delayMs), order: this.#order, fn };
    this.#order += 1;
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Lets time pass; runs what falls due, earliest first. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let next = this.#earliest(); next !== undefined; next = this.#earliest()) {
      if (next.dueMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fn();
    }
    this.#nowMs = endMs;
  }

  /** When the next timer is due; undefined when none is set. */
  get nextDueMs(): number | undefined {
    return this.#earliest()?.dueMs;
  }

  #earliest(): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      const earlier =
        best === undefined ||
        timer.dueMs < best.dueMs ||
        (timer.dueMs === best.dueMs && timer.order < best.order);
      if (earlier) best = timer;
    }
    return best;
  }
}
