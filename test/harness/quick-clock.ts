/**
 * A clock on which time goes faster than on the wall, for tests that wait for what simulated
 * guests and pauses take. It is one clock for all of an installation in a process, so that every
 * time stays in the same proportion to every other.
 */
import { systemClock } from '../../server/src/bin/effects.js';
import type { Clock } from '../../server/src/reconcile/clock.js';

/** A clock that begins now and goes `times` as fast. */
export function quickClock(times: number): Clock {
  const beganMs = systemClock.nowMs();
  return {
    nowMs: () => beganMs + (systemClock.nowMs() - beganMs) * times,
    after: (delayMs, act) => systemClock.after(delayMs / times, act),
  };
}
