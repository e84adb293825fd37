/** The real clock and the real chance: the only place of the server that reads them. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../reconcile/clock.js';

/** Timers longer than this would overflow Node's and fire at once. */
const delayMsMax = 2_147_483_647;

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(delayMs, delayMsMax));
    return () => clearTimeout(timer);
  },
};

/** Chance that nobody can foretell. */
export const systemRandom: Random = () => randomBytes(4).readUInt32LE(0) / 2 ** 32;
