/** How a gRPC call fails, read from what the peer sent or from what became of the connection. */
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { isNativeError } from 'node:util/types';
import { decodeStatusText } from '@limiquantix/proto/grpc/wire.js';
import type { ErrorFacts } from './error-facts.js';

/** The status codes of gRPC by number, in lower snake case. */
const codes = [
  ...['ok', 'canceled', 'unknown', 'invalid_argument', 'deadline_exceeded', 'not_found'],
  ...['already_exists', 'permission_denied', 'resource_exhausted', 'failed_precondition'],
  ...['aborted', 'out_of_range', 'unimplemented', 'internal', 'unavailable', 'data_loss'],
  'unauthenticated',
];

/** A call that failed. */
export class GrpcFailure extends Error {
  constructor(
    /** A status code of gRPC in lower snake case, such as `not_found`. */
    readonly code: string,
    message: string,
    readonly facts: ErrorFacts = {},
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** The failure that headers or trailers tell; undefined where they tell success. */
export async function failureIn(headers: IncomingHttpHeaders): Promise<GrpcFailure | undefined> {
  const status = headers['grpc-status'];
  if (status === '0') return undefined;
  if (status === undefined) return new GrpcFailure('internal', 'the answer ends without a status');
  const message = decodeStatusText(String(headers['grpc-message'] ?? ''));
  const code = codes[Number(status)] ?? 'unknown';
  const packed = headers['grpc-status-details-bin'];
  if (packed === undefined) return new GrpcFailure(code, message);
  const { errorFacts } = await import('./error-facts.js');
  return new GrpcFailure(code, message, errorFacts(Buffer.from(String(packed), 'base64')));
}

/**
 * The failure that an answer without gRPC tells, as a proxy or another server gives it. Source:
 * gRPC's "HTTP to gRPC Status Code Mapping".
 */
export function failureOfHttp(headers: IncomingHttpHeaders): GrpcFailure | undefined {
  const status = Number(headers[':status']);
  const type = String(headers['content-type'] ?? '');
  if (status === 200 && type.startsWith('application/grpc')) return undefined;
  const code =
    status === 400
      ? 'internal'
      : status === 401
        ? 'unauthenticated'
        : status === 403
          ? 'permission_denied'
          : status === 404
            ? 'unimplemented'
            : [429, 502, 503, 504].includes(status)
              ? 'unavailable'
              : 'unknown';
  const what = status === 200 ? `an answer of type "${type}"` : `HTTP status ${status}`;
  return new GrpcFailure(code, `the endpoint gave ${what} where a control plane answers by gRPC`);
}

/**
 * The failure of a call that was cut off on a connection that lives. A peer that gives up a call
 * of its own will says so by a status, so being canceled by it is not the end of the matter.
 * Source: gRPC over HTTP/2, "Errors".
 */
export function failureOfReset(rstCode: number, cause: unknown): GrpcFailure {
  const reason = isNativeError(cause) ? cause.message : `the call was cut off (${rstCode})`;
  return new GrpcFailure(codeOfReset.get(rstCode) ?? 'internal', reason, {}, cause);
}

const codeOfReset = new Map([
  [constants.NGHTTP2_NO_ERROR, 'unavailable'],
  [constants.NGHTTP2_CANCEL, 'unavailable'],
  [constants.NGHTTP2_REFUSED_STREAM, 'unavailable'],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'resource_exhausted'],
  [constants.NGHTTP2_INADEQUATE_SECURITY, 'permission_denied'],
]);
