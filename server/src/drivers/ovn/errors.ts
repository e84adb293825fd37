/** OVSDB's errors as LimiQuantix' own: the one place where drivers of OVN map them. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';
import { OvsdbError, type OvsdbReason } from '../../wire/ovsdb/errors.js';

const codes: Readonly<Record<OvsdbReason, Code>> = {
  OVSDB_DUPLICATE: Code.Aborted,
  OVSDB_WAIT_FAILED: Code.Aborted,
  OVSDB_ABORTED: Code.Aborted,
  OVSDB_CONSTRAINT_VIOLATION: Code.FailedPrecondition,
  OVSDB_REFERENCE_VIOLATION: Code.Aborted,
  OVSDB_RESOURCES_EXHAUSTED: Code.ResourceExhausted,
  OVSDB_PERMISSION_DENIED: Code.PermissionDenied,
  OVSDB_BAD_REQUEST: Code.Internal,
  OVSDB_BAD_ENDPOINT: Code.InvalidArgument,
  OVSDB_MALFORMED: Code.Internal,
  OVSDB_UNAVAILABLE: Code.Unavailable,
  OVSDB_DISCONNECTED: Code.Unavailable,
  OVSDB_TIMEOUT: Code.DeadlineExceeded,
  OVSDB_OVERLOADED: Code.ResourceExhausted,
};

/** Runs `work` on an OVSDB server; what it throws as an OvsdbError is thrown as a LimiError. */
export async function mappingErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof OvsdbError ? toLimiError(error) : error;
  }
}

function toLimiError(error: OvsdbError): LimiError {
  const { reason, message, retryable, detail } = error;
  const code = codes[reason];
  const cause = error.cause === undefined ? {} : { cause: error.cause };
  return new LimiError({
    code,
    reason,
    message,
    retryable,
    ...(detail === undefined ? {} : { detail }),
    ...cause,
  });
}
