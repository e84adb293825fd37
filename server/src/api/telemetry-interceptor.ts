/** Tells of each call how it ended and how long it took. Runs around everything else. */
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Telemetry } from '../telemetry.js';

/** Makes the interceptor. */
export function telemetryInterceptor(telemetry: Telemetry): Interceptor {
  return (next) => async (request) => {
    const beganMs = telemetry.nowMs();
    const { name: method } = request.method;
    const service = request.service.typeName;
    const ended = (error: unknown, ms: number | undefined): void =>
      telemetry.called({ service, method, code: codeOf(error), ms });
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: untilEnd(response.message, ended) };
      ended(undefined, telemetry.nowMs() - beganMs);
      return response;
    } catch (error) {
      ended(error, telemetry.nowMs() - beganMs);
      throw error;
    }
  };
}

type Ended = (error: unknown, ms: undefined) => void;

async function* untilEnd<T>(messages: AsyncIterable<T>, ended: Ended): AsyncIterable<T> {
  let failure: unknown;
  try {
    yield* messages;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    ended(failure, undefined);
  }
}

/** The status code in lower snake case, as gRPC's own metrics have it. */
export function codeOf(error: unknown): string {
  if (error === undefined) return 'ok';
  const name = Code[ConnectError.from(error).code] ?? 'Unknown';
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}
