/** What the command's end says to scripts: a few exit codes, by the kind of failure. Pure. */
import { Code, ConnectError } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** The exit codes, and what each means; the docs list them from here. */
export const exitCodes = {
  ok: { code: 0, meaning: 'it was done' },
  failed: { code: 1, meaning: 'it failed' },
  usage: { code: 2, meaning: 'the arguments or the input are wrong' },
  notFound: { code: 3, meaning: 'there is no such resource' },
  denied: { code: 4, meaning: 'the token is missing, unknown, or may not do that' },
  conflict: {
    code: 5,
    meaning: 'something is in the way: a taken name, a stale etag, a reference',
  },
  timedOut: { code: 6, meaning: 'it took longer than --timeout' },
  unreachable: { code: 7, meaning: "the control plane can't be reached" },
  differs: { code: 8, meaning: '`diff` found differences' },
  found: { code: 9, meaning: '`doctor` found what is not as wanted' },
  interrupted: { code: 130, meaning: 'it was interrupted' },
} as const;

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  const { ok: _, ...others } = exitCodes;
  return others[kindOf(error)].code;
}

function kindOf(error: unknown): Exclude<keyof typeof exitCodes, 'ok'> {
  if (isUnreachable(error)) return 'unreachable';
  if (!(error instanceof LimiError) && !(error instanceof ConnectError)) return 'failed';
  if (error instanceof LimiError && error.reason === 'NO_PROFILE') return 'usage';
  switch (error.code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
      return 'usage';
    case Code.NotFound:
      return 'notFound';
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return 'denied';
    case Code.AlreadyExists:
    case Code.Aborted:
    case Code.FailedPrecondition:
      return 'conflict';
    case Code.DeadlineExceeded:
      return 'timedOut';
    case Code.Unavailable:
      return 'unreachable';
    default:
      return 'failed';
  }
}

const unreachableCodes: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
]);

/** Whether an error, or one behind it, is the system's own of a connection. */
function isUnreachable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('code' in error && unreachableCodes.has(error.code)) return true;
  return 'cause' in error && isUnreachable(error.cause);
}
