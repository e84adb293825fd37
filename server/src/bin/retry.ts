/**
 * How the command line comes again when the server says so: calls that were refused because too
 * much was in flight are made again after the time that the error names.
 */
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import {
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import type { Clock } from '../reconcile/clock.js';

/** What a server's error says to programs. */
export interface ErrorFacts {
  /** Its reason, or empty. */
  readonly reason: string;
  /** When to come again; undefined where that wouldn't help. */
  readonly retryAfterMs: number | undefined;
}

const retriesMax = 20;
/** After these nothing was done. */
const refusals: ReadonlySet<Code> = new Set([Code.ResourceExhausted, Code.Aborted]);

/** Reads what an error says to programs. */
export function factsOf(error: unknown): ErrorFacts {
  const connect = ConnectError.from(error);
  const [info] = connect.findDetails(ErrorInfoSchema);
  const [retry] = connect.findDetails(RetryInfoSchema);
  const { retryDelay } = retry ?? {};
  return { reason: info?.reason ?? '', retryAfterMs: retryDelay && durationMs(retryDelay) };
}

/** Makes refused calls again, each at most so many times. Streams are left to their readers. */
export function retryInterceptor(clock: Clock): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    for (let tries = 0; ; tries += 1) {
      try {
        return await next(request);
      } catch (error) {
        const { retryAfterMs } = factsOf(error);
        const wasRefused = refusals.has(ConnectError.from(error).code);
        if (!wasRefused || retryAfterMs === undefined || tries === retriesMax) throw error;
        await waitMs(clock, retryAfterMs, request.signal);
      }
    }
  };
}

/** Waits; throws the signal's reason where that aborts first. */
export function waitMs(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
