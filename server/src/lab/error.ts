/**
 * Errors of the lab. They end at a terminal, so their text may name paths of this machine; what a
 * failed program printed goes to `detail`.
 */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** What failed in the lab and what to do about it. */
export function labError(message: string, extra: { detail?: string; cause?: unknown } = {}) {
  return new LimiError({ code: Code.FailedPrecondition, reason: 'LAB', message, ...extra });
}
