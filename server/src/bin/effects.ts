/**
 * The real clock, the real chance and ids made of both: the only place of the server that reads
 * them.
 */
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

/** A new id: a UUID of version 7, so that ids sort by the time of their making. */
export function newId(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
