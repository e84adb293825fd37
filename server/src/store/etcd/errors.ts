/**
 * What etcd's failures are in our words. A failure of a call that writes is one of two kinds: etcd
 * said no, or nobody knows whether it did what it was asked.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';
import { busy } from '../bounds.js';

/** Codes with which etcd refuses a call that it read: nothing was done. */
const refusals: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.OutOfRange,
  Code.ResourceExhausted,
  Code.FailedPrecondition,
  Code.NotFound,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]);

/** Whether etcd itself refused the call, so that it has no effect and no other member takes it. */
export function isRefusal(cause: unknown): boolean {
  if (!(cause instanceof ConnectError) || !refusals.has(cause.code)) return false;
  // The same codes come from a broken HTTP/2 stream, of which nothing is known.
  return /^(etcdserver|grpc|auth|mvcc|unknown (method|service))/.test(cause.rawMessage);
}

/** Whether a call failed because the revision is compacted, or not reached yet. */
export const isOutOfRange = (cause: unknown): boolean =>
  cause instanceof ConnectError && cause.code === Code.OutOfRange;

/** The error for the store's user. */
export function toLimiError(cause: unknown): LimiError {
  if (cause instanceof LimiError) return cause;
  const { code, rawMessage } = ConnectError.from(cause);
  if (!isRefusal(cause)) return unavailable(rawMessage, cause);
  if (code === Code.ResourceExhausted && rawMessage.includes('space exceeded')) return full(cause);
  if (code === Code.ResourceExhausted && rawMessage.includes('too many requests')) return busy();
  if (isOverLimit(cause)) return tooBig(cause);
  if (code === Code.PermissionDenied || code === Code.Unauthenticated) return refused(cause);
  return unavailable(rawMessage, cause);
}

/** Whether etcd refused a call for its size. */
export function isOverLimit(cause: unknown): boolean {
  const { rawMessage } = ConnectError.from(cause);
  return isRefusal(cause) && /too large|larger than max|too many operations/.test(rawMessage);
}

/** UNAVAILABLE: no member of etcd answers as it should. */
export const unavailable = (detail: string, cause?: unknown): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'STORE_UNAVAILABLE',
    message:
      "the store can't be read or written: no majority of etcd's members answers; see the server's log",
    retryable: true,
    detail,
    cause,
  });

/** UNAVAILABLE: a commit was sent, and whether it was made can't be found out now. */
export const outcomeUnknown = (cause: unknown): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'STORE_OUTCOME_UNKNOWN',
    message:
      "the store's answer was lost and can't be found out while etcd has no majority: the change was made or not; read before you repeat it",
    retryable: true,
    cause,
  });

const full = (cause: unknown): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'STORE_FULL',
    message:
      "etcd's space quota is used up, so nothing can be written: compact and defragment etcd or raise --quota-backend-bytes, then run: etcdctl alarm disarm",
    retryable: true,
    cause,
  });

const tooBig = (cause: unknown): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'TOO_BIG',
    message:
      'the change is bigger than etcd takes in one transaction; make documents smaller, or raise --max-request-bytes and --max-txn-ops of etcd',
    cause,
  });

const refused = (cause: unknown): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STORE_REFUSED',
    message:
      'etcd refuses this server; give a client certificate that may read and write the prefix (--store-cert, --store-key)',
    cause,
  });

/** FAILED_PRECONDITION: etcd runs with limits that are too low for the store's transactions. */
export const limitsTooLow = (cause: unknown): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STORE_LIMITS',
    message:
      "etcd's limits are too low; start each member with --max-txn-ops=10000 --max-request-bytes=16777216",
    cause,
  });

/** UNAVAILABLE: another server leads by now. */
export const leadershipLost = (): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'LEADERSHIP_LOST',
    message: 'another server of the installation leads by now; this one has stopped deciding',
    retryable: true,
  });
