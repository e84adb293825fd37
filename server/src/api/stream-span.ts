/**
 * A stream as a span: a watch, an agent's session, the reading of an image. It begins with the call
 * and ends with whoever ends the stream first; its end says who that was, or why.
 */
import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import type { CausedWork, Facts, Span, Tracing } from '../tracing.js';
import type { CallNotes } from './call-notes.js';
import { codeOf } from './telemetry-interceptor.js';

type Call = Parameters<ReturnType<Interceptor>>[0];
type Answer = Awaited<ReturnType<ReturnType<Interceptor>>>;

/** A call whose answer streams. */
export interface TracedStream {
  readonly work: CausedWork;
  readonly request: Call;
  readonly notes: CallNotes;
  /** Serves it. */
  readonly run: () => Promise<Answer>;
}

/** How streams end that nothing went wrong with. */
const ends = { done: 'done', gone: 'client gone' } as const;

/** Serves a stream within a span of its own. Throws what serving it throws. */
export async function tracedStream(tracing: Tracing, stream: TracedStream): Promise<Answer> {
  const span = new StreamSpan(tracing, stream);
  try {
    const answer = await stream.run();
    if (!answer.stream) {
      span.end(ends.done, undefined);
      return answer;
    }
    // A client that is gone reads nothing any more: its stream isn't run to its end.
    const { signal } = stream.request;
    signal.addEventListener('abort', () => span.end(whyOf(signal.reason), signal.reason), {
      once: true,
    });
    return { ...answer, message: counted(answer.message, span) };
  } catch (error) {
    span.end(wordOf(error), error);
    throw error;
  }
}

async function* counted<T>(messages: AsyncIterable<T>, span: StreamSpan): AsyncIterable<T> {
  let isOver = false;
  try {
    for await (const message of messages) {
      span.messages += 1;
      yield message;
    }
    isOver = true;
  } catch (error) {
    isOver = true;
    span.end(wordOf(error), error);
    throw error;
  } finally {
    // Left before its end by who reads it.
    span.end(isOver ? ends.done : ends.gone, undefined);
  }
}

/** The span, until the first end that it is told of. */
class StreamSpan {
  messages = 0;
  readonly #notes: CallNotes;
  #end: ((facts: Facts) => void) | undefined;

  constructor(tracing: Tracing, { work, notes }: TracedStream) {
    this.#notes = notes;
    const ended = new Promise<Facts>((resolve) => {
      this.#end = resolve;
    });
    // It outlasts the call's own turn, and what is done meanwhile is no part of it.
    void tracing.enter(work, async (span: Span) => span.add(await ended));
  }

  end(why: string, failure: unknown): void {
    this.#end?.({
      ...this.#notes.facts,
      'rpc.grpc.status': codeOf(failure),
      'limiquantix.stream.end': why,
      'limiquantix.stream.messages': this.messages,
    });
    this.#end = undefined;
  }
}

/** Why a stream was called off: its client went, or the server says why. */
function whyOf(reason: unknown): string {
  const word = wordOf(reason);
  return word === 'canceled' || word === 'unknown' ? ends.gone : word;
}

/** An error's stable word. */
function wordOf(error: unknown): string {
  const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
  return info?.reason ?? codeOf(error);
}
