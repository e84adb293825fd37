/**
 * The outermost of the interceptors: makes a call's notes and its span, and writes one line for
 * each call that was answered at once. `errors.ts` writes the line of a call that was not.
 */
import type { Interceptor } from '@connectrpc/connect';
import type { Log } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import type { Span, Tracing } from '../tracing.js';
import { type CallNotes, noteCall } from './call-notes.js';
import { tracedStream } from './stream-span.js';
import { codeOf } from './telemetry-interceptor.js';

/** What the interceptor works with. */
export interface CallLogOptions {
  readonly log: Log;
  readonly tracing: Tracing;
  readonly clock: Clock;
  /** A word that no other server has, nor this one after a restart. */
  readonly newId: () => string;
}

/** Makes the interceptor. */
export function callLogInterceptor(options: CallLogOptions): Interceptor {
  const { tracing, newId } = options;
  // Calls are told apart by counting: a word of chance for each would cost more than its line.
  const word = newId().slice(-12);
  let count = 0;
  const nextId = (): string => {
    count += 1;
    return `${word}-${count}`;
  };
  return (next) => (request) => {
    const { contextValues: values, message } = request;
    const method = `${request.service.typeName}/${request.method.name}`;
    const notes = noteCall({ method, message, values }, nextId);
    // A stream lasts as long as its reader wants, and is no line.
    if (!tracing.isOn) {
      return request.stream ? next(request) : answered(options, notes, () => next(request));
    }
    const [rpcService, rpcMethod] = [request.service.typeName, request.method.name];
    const work = {
      name: method,
      kind: 'server',
      cause: notes.traceparent,
      isBeginning: true,
      facts: { 'rpc.system': 'grpc', 'rpc.service': rpcService, 'rpc.method': rpcMethod },
    } as const;
    if (request.stream) {
      return tracedStream(tracing, { work, request, notes, run: () => next(request) });
    }
    return tracing.enter(work, async (span) => {
      notes.traceparent = tracing.current();
      return traced(span, notes, () => answered(options, notes, () => next(request)));
    });
  };
}

type Answer = Awaited<ReturnType<ReturnType<Interceptor>>>;

async function answered(
  { log, clock }: CallLogOptions,
  notes: CallNotes,
  run: () => Promise<Answer>,
): Promise<Answer> {
  const beganMs = clock.nowMs();
  const answer = await run();
  if (!notes.hasWritten && log.isDebug !== true) return answer;
  const say = notes.hasWritten ? log.info : log.debug;
  say.call(log, 'a call was answered', { ...notes.fields, ms: clock.nowMs() - beganMs });
  return answer;
}

async function traced(span: Span, notes: CallNotes, run: () => Promise<Answer>): Promise<Answer> {
  let failure: unknown;
  try {
    return await run();
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    span.add({ ...notes.facts, 'rpc.grpc.status': codeOf(failure) });
  }
}
