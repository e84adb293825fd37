/**
 * A watch at its client's pace. A client that stops reading costs one batch of events and its
 * place, and not for ever: when it takes nothing for a while and has fallen behind what the store
 * has at hand, the watch ends with the revision to go on from, and what it held is let go.
 */
import { Code } from '@connectrpc/connect';
import type { Cancel, Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';

/** What a paced watch works with. */
export interface PaceOptions<T> {
  readonly events: AsyncGenerator<T, void>;
  /** Whether what the watch waits for is still at hand. */
  readonly isRecent: () => boolean;
  readonly clock: Clock;
  /** Ends the call of a client that doesn't even read the error. */
  readonly hangUp: () => void;
}

/** How long a client may leave an event lying, and then the error. */
export const stallMsMax = 10_000;

/** The events of a watch, one at a time, as they are asked for. */
export class PacedWatch<T extends { readonly revision: bigint }>
  implements AsyncIterableIterator<T>
{
  readonly #options: PaceOptions<T>;
  #isOffered = false;
  #offers = 0;
  #revision = 0n;
  #cancel: Cancel | undefined;
  #isCut = false;

  constructor(options: PaceOptions<T>) {
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, void>> {
    if (this.#isCut) {
      this.#cancel?.();
      throw behind(this.#revision);
    }
    this.#isOffered = false;
    if (this.#cancel === undefined) this.#check(this.#offers);
    try {
      const result = await this.#options.events.next();
      if (result.done === true) this.#cancel?.();
      else this.#revision = result.value.revision;
      this.#isOffered = true;
      this.#offers += 1;
      return result;
    } catch (error) {
      this.#cancel?.();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#cancel?.();
    return this.#options.events.return();
  }

  /** Looks now and then whether the same event still lies there. */
  #check(offersBefore: number): void {
    const { clock, events, hangUp, isRecent } = this.#options;
    this.#cancel = clock.after(stallMsMax, () => {
      const isStalled = this.#isOffered && this.#offers === offersBefore;
      if (!isStalled || isRecent()) {
        this.#check(this.#offers);
        return;
      }
      this.#isCut = true;
      // It rests at what it offered, so this ends it at once; its end can't fail.
      void events.return();
      this.#cancel = clock.after(stallMsMax, hangUp);
    });
  }
}

const behind = (revision: bigint): LimiError =>
  new LimiError({
    code: Code.Aborted,
    reason: 'WATCH_BEHIND',
    message: `the watch was cut off because its client took nothing for ${stallMsMax / 1000} s while more changed than the server keeps at hand; watch again from revision ${revision}`,
    metadata: { resume_revision: String(revision) },
    retryable: true,
  });
