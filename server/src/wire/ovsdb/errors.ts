/**
 * Every error of the wire, typed: what the server answered, or what became of the connection.
 * The one place where OVSDB's error tags (RFC 7047 §3.1, and those ovsdb-server adds) are mapped.
 */

/** What went wrong, as a word that callers map. */
export type OvsdbReason =
  /** The row exists: a fixed uuid or a unique column is taken. */
  | 'OVSDB_DUPLICATE'
  /** A `wait` did not hold. */
  | 'OVSDB_WAIT_FAILED'
  | 'OVSDB_ABORTED'
  | 'OVSDB_CONSTRAINT_VIOLATION'
  | 'OVSDB_REFERENCE_VIOLATION'
  | 'OVSDB_RESOURCES_EXHAUSTED'
  | 'OVSDB_PERMISSION_DENIED'
  /** The request itself is wrong: a mistake of ours, or another version of the schema. */
  | 'OVSDB_BAD_REQUEST'
  | 'OVSDB_BAD_ENDPOINT'
  | 'OVSDB_MALFORMED'
  /** The server can't do it now, and said so. */
  | 'OVSDB_UNAVAILABLE'
  /** The connection is not there (any more): whether a pending transaction happened is unknown. */
  | 'OVSDB_DISCONNECTED'
  /** No answer in time: whether the transaction happened is unknown. */
  | 'OVSDB_TIMEOUT'
  /** The client holds too many requests. */
  | 'OVSDB_OVERLOADED';

/** What an {@link OvsdbError} is made of. */
export interface OvsdbErrorInit {
  readonly reason: OvsdbReason;
  readonly message: string;
  readonly retryable: boolean;
  /** The server's own words: for the log, never for a user. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/** An OVSDB request that did not do what was asked. */
export class OvsdbError extends Error {
  override readonly name = 'OvsdbError';
  readonly reason: OvsdbReason;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
  readonly detail: string | undefined;
  /** Index of the refused operation; undefined when the commit as a whole failed. */
  readonly operation: number | undefined;

  constructor(init: OvsdbErrorInit, operation?: number) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.reason = init.reason;
    this.retryable = init.retryable;
    this.detail = init.detail;
    this.operation = operation;
  }
}

/** An error object as the server sends it. */
export interface WireError {
  readonly error: string;
  readonly details?: unknown;
  readonly syntax?: unknown;
}

/** Whether `value` is an error object of the wire. */
export function isWireError(value: unknown): value is WireError {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'error') === 'string'
  );
}

type Verdict = Pick<OvsdbErrorInit, 'reason' | 'retryable'>;

const verdicts = new Map<string, Verdict>(
  Object.entries({
    'timed out': { reason: 'OVSDB_WAIT_FAILED', retryable: true },
    aborted: { reason: 'OVSDB_ABORTED', retryable: true },
    'constraint violation': {
      reason: 'OVSDB_CONSTRAINT_VIOLATION',
      retryable: false,
    },
    'duplicate uuid': { reason: 'OVSDB_DUPLICATE', retryable: true },
    'referential integrity violation': {
      reason: 'OVSDB_REFERENCE_VIOLATION',
      retryable: true,
    },
    'resources exhausted': {
      reason: 'OVSDB_RESOURCES_EXHAUSTED',
      retryable: true,
    },
    'permission error': {
      reason: 'OVSDB_PERMISSION_DENIED',
      retryable: false,
    },
    'not allowed': { reason: 'OVSDB_PERMISSION_DENIED', retryable: true },
    'unknown database': { reason: 'OVSDB_UNAVAILABLE', retryable: true },
    'not leader': { reason: 'OVSDB_UNAVAILABLE', retryable: true },
    'cluster error': { reason: 'OVSDB_UNAVAILABLE', retryable: true },
    'I/O error': { reason: 'OVSDB_UNAVAILABLE', retryable: true },
    canceled: { reason: 'OVSDB_UNAVAILABLE', retryable: true },
  }),
);

const misuse: Verdict = { reason: 'OVSDB_BAD_REQUEST', retryable: false };

const duplicate: Verdict = { reason: 'OVSDB_DUPLICATE', retryable: true };

/** The typed error for an error object of the server. */
export function fromWireError(error: WireError, operation?: number): OvsdbError {
  const details = textOf(error.details);
  const verdict = details.includes('to have identical values')
    ? duplicate
    : (verdicts.get(error.error) ?? misuse);
  const at = operation === undefined ? 'the commit' : `operation ${operation}`;
  const syntax = error.syntax === undefined ? '' : ` in ${textOf(error.syntax)}`;
  const message = `the network database refused ${at}: ${error.error}`;
  const detail = `${error.error}: ${details}${syntax}`;
  return new OvsdbError({ ...verdict, message, detail }, operation);
}

/** What should be text; a server's own words are for the log, whatever else they are. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The connection broke, or was never made, before an answer came: the outcome is unknown. */
export function disconnected(cause?: unknown): OvsdbError {
  return new OvsdbError({
    reason: 'OVSDB_DISCONNECTED',
    retryable: true,
    message: 'the connection to the network database broke; the change is tried again',
    cause,
  });
}

/** No answer in time, as from a cluster without quorum: the outcome is unknown. */
export function timedOut(method: string, timeoutMs: number): OvsdbError {
  return new OvsdbError({
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
    reason: 'OVSDB_OVERLOADED',
    retryable: true,
    message: `more than ${requestsMax} requests wait for the network database; try again later`,
  });
}

/** The server sent what RFC 7047 does not allow. */
export function malformed(what: string, cause?: unknown): OvsdbError {
  return new OvsdbError({
    reason: 'OVSDB_MALFORMED',
    retryable: true,
    message: `the network database sent a malformed message: ${what}`,
    cause,
  });
}
