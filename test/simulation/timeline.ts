/**
 * Virtual time for all that runs in a simulation. A turn runs everything that can go on by itself
 * to its end, then the clock jumps to the next timer: nothing ever waits for real time, and what
 * happens first is decided by the seed alone.
 */
import { createHash } from 'node:crypto';
import { VirtualClock } from '../../server/src/reconcile/virtual-clock.js';

/** When simulated time begins, in milliseconds since 1970. */
const beginMs = Date.UTC(2030, 0, 1);
/** Lines of the trace that are kept to be shown. */
const linesKept = 4_000;
/** Turns of one run at most: beyond, something spins. */
const turnsMax = 2_000_000;

/** The time of one run, and the trace of what happened in it. */
export class Timeline {
  readonly clock = new VirtualClock(beginMs);
  /** Called after each turn, when everything is at rest. */
  onTurn: () => void = () => undefined;
  turns = 0;
  readonly #hash = createHash('sha256');
  #lines: string[] = [];

  /** Milliseconds since the run began. */
  get elapsedMs(): number {
    return this.clock.nowMs() - beginMs;
  }

  /** Notes what happened; two runs of a seed note the same. */
  note(line: string): void {
    const whole = `${this.elapsedMs} ${line}`;
    this.#hash.update(whole).update('\n');
    this.#lines.push(whole);
    if (this.#lines.length > 2 * linesKept) this.#lines = this.#lines.slice(-linesKept);
  }

  /** What happened last. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** A digest of all that was noted. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Lets time pass until a moment, or until something is so; says whether it is. */
  async pass(byMs: number, until: () => boolean = () => false): Promise<boolean> {
    const endMs = this.clock.nowMs() + byMs;
    for (;;) {
      await this.#turn();
      if (until()) return true;
      const dueMs = this.clock.nextDueMs;
      if (dueMs === undefined || dueMs > endMs) break;
      this.clock.advance(Math.max(0, dueMs - this.clock.nowMs()));
    }
    this.clock.advance(endMs - this.clock.nowMs());
    await this.#turn();
    return until();
  }

  /** Runs what can go on without time: an immediate comes after every promise that is settled. */
  async #turn(): Promise<void> {
    this.turns += 1;
    if (this.turns > turnsMax) throw new Error(`the run spins: ${turnsMax} turns`);
    await new Promise((resolve) => setImmediate(resolve));
    this.onTurn();
  }
}
