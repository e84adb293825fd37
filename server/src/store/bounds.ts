/**
 * What every store holds its users to, and the errors that say so: bounds of keys, values and
 * transactions, and the words for a store that is busy, closed or no longer has a revision.
 */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import type { Transaction } from './store.js';

/** Commits that wait at once. */
export const pendingMax = 8192;
/** Writes of one transaction. */
export const transactionWritesMax = 4096;
/** Bytes of one value. */
export const valueBytesMax = 8 * 1024 * 1024;
/** Entries of one page. */
export const listMax = 10_000;

/** Keys are printable ASCII, so that the order of bytes is JavaScript's order of strings. */
const keyPattern = /^[\x20-\x7e]{1,1024}$/;

/** The first string after every key that begins with `prefix`. */
export const endOf = (prefix: string): string => `${prefix}\x7f`;

/** Throws LimiError where a key isn't one that a store keeps. */
export function checkKey(key: string): void {
  if (keyPattern.test(key)) return;
  throw new LimiError({
    code: Code.Internal,
    reason: 'STORE_KEY_INVALID',
    message: `the store can't keep a key of ${key.length} characters: it must be printable ASCII, at most 1024`,
    detail: key.slice(0, 200),
  });
}

/** Throws LimiError where a transaction is beyond the bounds, or writes a key twice. */
export function checkTransaction({ writes }: Transaction): void {
  const keys = new Set<string>();
  for (const write of writes) {
    checkKey(write.key);
    keys.add(write.key);
    if (write.kind === 'put' && write.value.length > valueBytesMax) throw tooBig(write.key);
  }
  if (keys.size !== writes.length || writes.length > transactionWritesMax) {
    throw new LimiError({
      code: Code.Internal,
      reason: 'STORE_TRANSACTION_INVALID',
      message: `a transaction of ${writes.length} writes on ${keys.size} keys can't be committed; write each key once, at most ${transactionWritesMax}`,
    });
  }
}

const tooBig = (key: string): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'TOO_BIG',
    message: `the resource is bigger than ${valueBytesMax} bytes; make its documents smaller`,
    detail: key,
  });

/** RESOURCE_EXHAUSTED: too many commits wait. */
export const busy = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'STORE_BUSY',
    message: `${pendingMax} commits are waiting already; try again with fewer requests at a time`,
    retryable: true,
  });

/** UNAVAILABLE: the store was closed. */
export const closed = (): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'STORE_UNAVAILABLE',
    message: 'the store is closed: the server is stopping; try again',
    retryable: true,
  });

/** OUT_OF_RANGE: the revision is forgotten, or was never reached. */
export const compacted = (revision: bigint): LimiError =>
  new LimiError({
    code: Code.OutOfRange,
    reason: 'COMPACTED',
    message: `the store no longer has revision ${revision}; list anew and go on from that list's revision`,
  });
