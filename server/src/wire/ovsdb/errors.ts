/**
 * Every error of the wire, typed: what the server answered, or what became of the connection.
 * The one place where OVSDB's error tags (RFC 7047 §3.1, and those ovsdb-server adds) are mapped.
 */
import { Code } from '@connectrpc/connect';
import { LimiError, type LimiErrorInit } from '../../resource/error.js';

/** A LimiError that also says which operation of a transaction the server refused. */
export class OvsdbError extends LimiError {
  /** Index of the refused operation; undefined when the commit as a whole failed. */
  readonly operation: number | undefined;

  constructor(init: LimiErrorInit, operation?: number) {
    super(init);
    this.name = 'OvsdbError';
    this.operation = operation;
  }
}

/** An error object as the server sends it. */
export interface WireError {
  readonly error: string;
  readonly details?: string;
  readonly syntax?: string;
}

/** Whether `value` is an error object of the wire. */
export function isWireError(value: unknown): value is WireError {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'error') === 'string'
  );
}

type Verdict = Pick<LimiErrorInit, 'code' | 'reason' | 'retryable'>;

const verdicts: Readonly<Record<string, Verdict>> = {
  'timed out': { code: Code.Aborted, reason: 'OVSDB_WAIT_FAILED', retryable: true },
  aborted: { code: Code.Aborted, reason: 'OVSDB_ABORTED', retryable: true },
  'constraint violation': {
    code: Code.FailedPrecondition,
    reason: 'OVSDB_CONSTRAINT_VIOLATION',
    retryable: false,
  },
  'duplicate uuid': { code: Code.AlreadyExists, reason: 'OVSDB_DUPLICATE', retryable: true },
  'referential integrity violation': {
    code: Code.FailedPrecondition,
    reason: 'OVSDB_REFERENCE_VIOLATION',
    retryable: true,
  },
  'resources exhausted': {
    code: Code.ResourceExhausted,
    reason: 'OVSDB_RESOURCES_EXHAUSTED',
    retryable: true,
  },
  'permission error': {
    code: Code.PermissionDenied,
    reason: 'OVSDB_PERMISSION_DENIED',
    retryable: false,
  },
  'not allowed': { code: Code.PermissionDenied, reason: 'OVSDB_READ_ONLY', retryable: true },
  'unknown database': { code: Code.Unavailable, reason: 'OVSDB_UNKNOWN_DATABASE', retryable: true },
  'not leader': { code: Code.Unavailable, reason: 'OVSDB_NOT_LEADER', retryable: true },
  'cluster error': { code: Code.Unavailable, reason: 'OVSDB_CLUSTER_ERROR', retryable: true },
  'I/O error': { code: Code.Unavailable, reason: 'OVSDB_IO_ERROR', retryable: true },
  canceled: { code: Code.Unavailable, reason: 'OVSDB_CANCELED', retryable: true },
};

const misuse: Verdict = { code: Code.Internal, reason: 'OVSDB_BAD_REQUEST', retryable: false };

const duplicate: Verdict = { code: Code.AlreadyExists, reason: 'OVSDB_DUPLICATE', retryable: true };

/** The typed error for an error object of the server. */
export function fromWireError(error: WireError, operation?: number): OvsdbError {
  const verdict = error.details?.includes('to have identical values')
    ? duplicate
    : (verdicts[error.error] ?? misuse);
  const at = operation === undefined ? 'the commit' : `operation ${operation}`;
  const syntax = error.syntax === undefined ? '' : ` in ${error.syntax}`;
  const message = `the network database refused ${at}: ${error.error}`;
  const detail = `${error.error}: ${error.details ?? ''}${syntax}`;
  return new OvsdbError({ ...verdict, message, detail }, operation);
}

/** The connection broke, or was never made, before an answer came: the outcome is unknown. */
export function disconnected(cause?: unknown): OvsdbError {
  return new OvsdbError({
    code: Code.Unavailable,
    reason: 'OVSDB_DISCONNECTED',
    retryable: true,
    message: 'the connection to the network database broke; the change is tried again',
    cause,
  });
}

/** No answer in time, as from a cluster without quorum: the outcome is unknown. */
export function timedOut(method: string, timeoutMs: number): OvsdbError {
  return new OvsdbError({
    code: Code.DeadlineExceeded,
    reason: 'OVSDB_TIMEOUT',
    retryable: true,
    message:
      `the network database did not answer ${method} within ${timeoutMs} ms; ` +
      'check that it runs and has a quorum',
  });
}

/** More requests wait than the client holds. */
export function overloaded(requestsMax: number): OvsdbError {
  return new OvsdbError({
    code: Code.ResourceExhausted,
    reason: 'OVSDB_OVERLOADED',
    retryable: true,
    message: `more than ${requestsMax} requests wait for the network database; try again later`,
  });
}

/** The server sent what RFC 7047 does not allow. */
export function malformed(what: string, cause?: unknown): OvsdbError {
  return new OvsdbError({
    code: Code.Internal,
    reason: 'OVSDB_MALFORMED',
    retryable: true,
    message: `the network database sent a malformed message: ${what}`,
    cause,
  });
}
