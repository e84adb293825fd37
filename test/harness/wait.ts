/** Waiting for conditions of other processes, which send no events: polls, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;

/** Polls until `probe` gives a value; throws with `what` and the last error after the deadline. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const endMs = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > endMs) {
      throw new Error(`not within ${deadlineMs / 1000} s: ${what}`, { cause: last });
    }
    await delay(pollMs);
  }
}
