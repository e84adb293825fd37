/** Turns: work of one name goes on one after the other, in the order in which it came. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** Who wait for the same name at once. */
const waitersMax = 1_000;

/** Who has a turn, and who waits. */
export class Turns {
  readonly #waiting = new Map<string, (() => void)[]>();

  /**
   * Resolves when it is the caller's turn, with what gives it to the next. Throws
   * RESOURCE_EXHAUSTED where too many wait.
   */
  async take(name: string): Promise<() => void> {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) this.#waiting.set(name, []);
    else if (waiting.length >= waitersMax) throw tooMany(name);
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return () => this.#next(name);
  }

  #next(name: string): void {
    const next = this.#waiting.get(name)?.shift();
    if (next === undefined) this.#waiting.delete(name);
    else next();
  }
}

const tooMany = (name: string): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'TOO_MANY_WAITERS',
    message: `${waitersMax} requests wait for their turn with ${name}; try again`,
    retryable: true,
  });
