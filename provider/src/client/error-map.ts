/**
 * From Connect's errors to the engine's: the one place that knows both. What went wrong before the
 * control plane could answer gets words that say what to do.
 */
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { ApiError } from '../engine/api.js';

/** What the error is, in the engine's terms. */
export function toApiError(error: unknown, endpoint: string): ApiError {
  if (error instanceof ApiError) return error;
  const connect = ConnectError.from(error);
  const [info] = connect.findDetails(ErrorInfoSchema);
  const [bad] = connect.findDetails(BadRequestSchema);
  const [retry] = connect.findDetails(RetryInfoSchema);
  const violations = (bad?.fieldViolations ?? []).map(({ field, description }) => ({
    path: field,
    message: description,
  }));
  return new ApiError({
    code: codeName(connect.code),
    reason: info?.reason ?? '',
    message: teach(connect, endpoint) + failuresOf(connect),
    violations,
    retryAfterMs: retry?.retryDelay && durationMs(retry.retryDelay),
    cause: connect,
  });
}

/** The conditions that don't hold and the quotas that are exceeded, one a line; none for one. */
function failuresOf(error: ConnectError): string {
  const conditions = error.findDetails(PreconditionFailureSchema);
  const failures = [...conditions, ...error.findDetails(QuotaFailureSchema)];
  const lines = failures.flatMap(({ violations }) =>
    violations.map(({ subject, description }) => `  ${subject}: ${description}`),
  );
  return lines.length > 1 ? `:\n${lines.join('\n')}\n` : '';
}

/**
 * Whether the same call may succeed a moment later: because the control plane says so, or because
 * it was not reached.
 */
export function isTransient({ code, cause, retryAfterMs }: ApiError): boolean {
  if (retryAfterMs !== undefined) return true;
  if (code !== 'unavailable' && code !== 'aborted') return false;
  return !certificateErrors.has(systemCode(cause));
}

/** A code in lower snake case, such as `not_found`. */
function codeName(code: Code): string {
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}

const certificateErrors = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function teach(error: ConnectError, endpoint: string): string {
  const system = systemCode(error);
  if (system === 'ECONNREFUSED') {
    return (
      `the connection to ${endpoint} was refused: check that "limiquantix server" runs there and ` +
      'that the endpoint is right'
    );
  }
  if (system === 'ENOTFOUND' || system === 'EAI_AGAIN') {
    return `the host of ${endpoint} is not known: check the endpoint`;
  }
  if (system === 'CERT_HAS_EXPIRED' || system === 'CERT_NOT_YET_VALID') {
    return `the certificate of ${endpoint} is not valid at this time: check the clocks of both machines`;
  }
  if (system === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return (
      `the certificate of ${endpoint} is for other names: use the name that the server was started ` +
      'with, or start it with this one'
    );
  }
  if (certificateErrors.has(system)) {
    return (
      `the certificate of ${endpoint} was not signed by the configured CA: give the CA certificate of ` +
      'this control plane (ca_certificate, LIMIQUANTIX_CA_CERTIFICATE or the profile)'
    );
  }
  if (error.code === Code.Unauthenticated) {
    return (
      `the control plane does not accept the token (${error.rawMessage}): make a new one with ` +
      '"limiquantix token create" and give it as token, LIMIQUANTIX_TOKEN or in the profile'
    );
  }
  return error.rawMessage;
}

const causesMax = 8;

/** The code of the system's error behind an error, such as ECONNREFUSED; empty if there is none. */
function systemCode(error: unknown): string {
  let current: unknown = error;
  for (let i = 0; i < causesMax && current instanceof Error; i++) {
    const code: unknown = 'code' in current ? current.code : undefined;
    if (typeof code === 'string' && !(current instanceof ApiError)) return code;
    if (current instanceof AggregateError && current.errors.length > 0) {
      const [first] = current.errors as unknown[];
      current = first;
    } else current = current.cause;
  }
  return '';
}
