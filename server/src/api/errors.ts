/**
 * The one place where errors become what clients see: a LimiError with its code, message and
 * details, and anything else as INTERNAL with a number that the log has too. Nothing of `detail` or
 * `cause` goes out.
 */
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import type { Log, LogFields } from '../log.js';
import { LimiError } from '../resource/error.js';
import { notesIn } from './call-notes.js';

/** Whose words the reasons are. */
export const errorDomain = 'limiquantix';

/** What the interceptor works with. */
export interface ErrorOptions {
  readonly log: Log;
  /** A new word for an error that is only told in the log. */
  readonly newId: () => string;
}

/**
 * Turns what handlers throw, before or amid a stream, into Connect errors; logs what needs looking
 * at.
 */
export function errorInterceptor(options: ErrorOptions): Interceptor {
  return (next) => async (request) => {
    const convert = (error: unknown) => {
      const method = `${request.service.typeName}/${request.method.name}`;
      const call = notesIn(request.contextValues)?.fields ?? { method };
      return toConnectError(error, { ...options, call });
    };
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: guarded(response.message, convert) };
    } catch (error) {
      throw convert(error);
    }
  };
}

async function* guarded<T>(
  messages: AsyncIterable<T>,
  convert: (error: unknown) => ConnectError,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw convert(error);
  }
}

/** What an error of a call is told with. */
export interface CallErrorOptions extends ErrorOptions {
  /** What lines say of the call. */
  readonly call: LogFields;
}

/** An error as a client sees it; logged where somebody should look. */
export function toConnectError(error: unknown, options: CallErrorOptions): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof LimiError) {
    logIfGrave(error, options);
    return fromLimiError(error);
  }
  if (isAbort(error) || isHungUp(error))
    return new ConnectError('the call was ended', Code.Canceled);
  const errorId = options.newId();
  options.log.error('a call failed', { ...options.call, errorId, ...factsOf(error) });
  return new ConnectError(
    `something went wrong in the server; its log has the cause under ${errorId}`,
    Code.Internal,
    undefined,
    [infoOf('INTERNAL', { error_id: errorId })],
  );
}

/** A LimiError as it goes over the wire, with its details. */
export function fromLimiError(error: LimiError): ConnectError {
  const { code, message, metadata, reason, retryable } = error;
  const facts = { ...metadata, ...(retryable && { retryable: 'true' }) };
  const details: OutgoingDetail[] = [infoOf(reason, facts), ...detailsOf(error)];
  return new ConnectError(message, code, undefined, details);
}

function detailsOf({ retryable, ...error }: LimiError): OutgoingDetail[] {
  const { preconditions, quotas, resource, violations } = error;
  const details: OutgoingDetail[] = [];
  if (retryable) {
    const retryDelay = durationFromMs(error.retryAfterMs ?? retryAfterMsDefault);
    details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  if (violations.length > 0) {
    const fieldViolations = violations.map(({ path, message }) => ({
      field: path,
      description: message,
    }));
    const value = create(BadRequestSchema, { fieldViolations });
    details.push({ desc: BadRequestSchema, value });
  }
  if (preconditions.length > 0) {
    const value = create(PreconditionFailureSchema, { violations: [...preconditions] });
    details.push({ desc: PreconditionFailureSchema, value });
  }
  if (quotas.length > 0) {
    const found = quotas.map((one) => ({ subject: one.subject, description: one.message }));
    const value = create(QuotaFailureSchema, { violations: found });
    details.push({ desc: QuotaFailureSchema, value });
  }
  if (resource !== undefined) {
    const { type, name, projectId, description } = resource;
    const value = create(ResourceInfoSchema, {
      resourceType: type,
      resourceName: name,
      owner: projectId === '' ? '' : `project/${projectId}`,
      description,
    });
    details.push({ desc: ResourceInfoSchema, value });
  }
  return details;
}

type OutgoingDetail = Extract<
  NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number],
  { value: unknown }
>;

/** When to try again where an error knows no better. */
const retryAfterMsDefault = 500;

const infoOf = (reason: string, metadata: Record<string, string>) => ({
  desc: ErrorInfoSchema,
  value: create(ErrorInfoSchema, { reason, domain: errorDomain, metadata }),
});

const grave: ReadonlySet<Code> = new Set([
  Code.Internal,
  Code.Unknown,
  Code.DataLoss,
  Code.Unavailable,
]);

function logIfGrave(error: LimiError, { log, call }: CallErrorOptions): void {
  const fields = { ...call, reason: error.reason, ...factsOf(error) };
  if (grave.has(error.code)) log.error('a call failed', fields);
  else log.debug('a call was refused', fields);
}

/** The chain of an error, for the log. */
function factsOf(error: unknown): Record<string, unknown> {
  if (!isError(error)) return { error: String(error) };
  const { message, stack, cause } = error;
  const detail = error instanceof LimiError ? error.detail : undefined;
  const isExpected = error instanceof LimiError;
  return {
    error: message,
    ...(detail !== undefined && { detail }),
    ...(!isExpected && { stack }),
    ...(cause !== undefined && { cause: factsOf(cause) }),
  };
}

const isError = (error: unknown): error is Error =>
  typeof error === 'object' && error !== null && 'message' in error;

const isAbort = (error: unknown): boolean => isError(error) && error.name === 'AbortError';

const hungUpCodes: ReadonlySet<unknown> = new Set(['ECANCELED', 'ECONNRESET', 'EPIPE']);

/** Whether a stream could not be written because nobody is at its other end any more. */
const isHungUp = (error: unknown): boolean => {
  if (!isError(error) || !('code' in error)) return false;
  const isWrite = 'syscall' in error && error.syscall === 'write';
  return error.code === 'ERR_HTTP2_INVALID_STREAM' || (isWrite && hungUpCodes.has(error.code));
};
