/**
 * From gRPC's errors to the engine's: the one place that knows both. What went wrong before the
 * control plane could answer gets words that say what to do.
 */
import { isNativeError } from 'node:util/types';
import { ApiError } from '../engine/api.js';
import { GrpcFailure } from './grpc-failure.js';

/** What the error is, in the engine's terms. */
export function toApiError(error: unknown, endpoint: string): ApiError {
  if (error instanceof ApiError) return error;
  const failure = error instanceof GrpcFailure ? error : unexpected(error);
  const { reason = '', violations = [], failures = [], retryAfterMs } = failure.facts;
  return new ApiError({
    code: failure.code,
    reason,
    message: teach(failure, endpoint) + listed(failures),
    violations,
    retryAfterMs,
    cause: failure,
  });
}

function unexpected(error: unknown): GrpcFailure {
  return new GrpcFailure(
    'unknown',
    error instanceof Error ? error.message : String(error),
    {},
    error,
  );
}

/** The conditions that don't hold and the quotas that are exceeded, one a line; none for one. */
function listed(failures: readonly { subject: string; description: string }[]): string {
  const lines = failures.map(({ subject, description }) => `  ${subject}: ${description}`);
  return lines.length > 1 ? `:\n${lines.join('\n')}\n` : '';
}

/**
 * Whether the same call may succeed a moment later: because the control plane says so, or because
 * it was not reached.
 */
export function isTransient({ code, reason, cause, retryAfterMs }: ApiError): boolean {
  if (retryAfterMs !== undefined) return true;
  // It is aborted as well, and stays so until what it is based on is read again.
  if (reason === 'ETAG_STALE') return false;
  if (code !== 'unavailable' && code !== 'aborted') return false;
  return !certificateErrors.has(systemCode(cause));
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

function teach(error: GrpcFailure, endpoint: string): string {
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
  if (error.code === 'unauthenticated') {
    return (
      `the control plane does not accept the token (${error.message}): make a new one with ` +
      '"limiquantix token create" and give it as token, LIMIQUANTIX_TOKEN or in the profile'
    );
  }
  return error.message;
}

const causesMax = 8;

/** The code of the system's error behind an error, such as ECONNREFUSED; empty if there is none. */
function systemCode(error: unknown): string {
  let current: unknown = error;
  for (let i = 0; i < causesMax && isNativeError(current); i++) {
    const code: unknown = 'code' in current ? current.code : undefined;
    const isOurs = current instanceof ApiError || current instanceof GrpcFailure;
    if (typeof code === 'string' && !isOurs) return code;
    if (current instanceof AggregateError && current.errors.length > 0) {
      const [first] = current.errors as unknown[];
      current = first;
    } else current = current.cause;
  }
  return '';
}
