/**
 * Calls the control plane by gRPC on one connection, in the little that a provider needs: no
 * compression, one message out for each call. A gRPC library costs every plan a tenth of a second
 * to load and each call several times the CPU (ADR 000019).
 * Source: gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { isNativeError } from 'node:util/types';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import { FrameReader, frameOf } from '@limiquantix/proto/grpc/wire.js';
import { passingOn, type Tracer } from '../trace/tracer.js';
import { failureIn, failureOfHttp, failureOfReset, GrpcFailure } from './grpc-failure.js';

/** How a call is made. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** Undefined for a watch, which has no end. */
  readonly timeoutMs?: number | undefined;
}

/** Calls methods. What goes wrong is thrown as GrpcFailure. */
export interface Channel {
  unary(method: DescMethod, request: Message, options: CallOptions): Promise<Message>;
  stream(method: DescMethod, request: Message, options: CallOptions): AsyncIterable<Message>;
}

/** Where to. */
export interface ChannelOptions {
  /** A URL with `https` or `http`. */
  readonly endpoint: string;
  readonly token: string;
  /** In PEM; undefined for those that Node trusts. */
  readonly caCertificate: string | undefined;
  /** Follows the calls; none is part of a trace without it. */
  readonly tracer?: Pick<Tracer, 'begin' | 'current'>;
}

/** How soon a silent connection is noticed while a call is open. */
const pingIntervalMs = 15_000;
/** Lists come in pages of a megabyte and more. */
const windowBytes = 8 * 1024 * 1024;
const sessionMemoryMb = 256;

/** Makes a channel. It connects at the first call, and again where a connection was lost. */
export function createChannel(options: ChannelOptions): Channel {
  const connection = new Connection(options);
  const { tracer = passingOn(undefined) } = options;
  const ask = async (...[method, request, call]: Begin): Promise<Message> => {
    const stream = connection.begin(method, request, call);
    try {
      const [answer] = await whole(stream);
      if (answer !== undefined) return decode(method, answer);
      throw new GrpcFailure('internal', `${method.name}: the answer holds no message`);
    } finally {
      stream.end();
    }
  };
  return {
    async unary(method, request, call) {
      const span = tracer.begin(method);
      try {
        const answer = await ask(method, request, { ...call, traceparent: span.traceparent });
        span.end();
        return answer;
      } catch (error) {
        span.end(error);
        throw error;
      }
    },
    async *stream(method, request, call) {
      const traced = { ...call, traceparent: tracer.current() };
      const stream = connection.begin(method, request, traced);
      try {
        for await (const message of parts(stream)) yield decode(method, message);
      } finally {
        stream.end();
      }
    },
  };
}

/** A call that is part of a trace, or of none where its context is empty. */
type TracedCall = CallOptions & { readonly traceparent: string };
type Begin = [method: DescMethod, request: Message, call: TracedCall];

/** A call under way. */
interface Call {
  readonly stream: ClientHttp2Stream;
  /** The first headers, and the trailers. */
  readonly headers: () => IncomingHttpHeaders | undefined;
  readonly trailers: () => IncomingHttpHeaders | undefined;
  /** Why it ended, if it was not by the peer's answer; waits for a connection that is ending. */
  readonly cause: () => Promise<unknown>;
  /** Lets go of it; cancels it where it is still open. */
  readonly end: () => void;
}

class Connection {
  #session: ClientHttp2Session | undefined;
  /** Why the connection ended, when it did. */
  #ended: Promise<GrpcFailure> | undefined;
  #open = 0;
  #pings: NodeJS.Timeout | undefined;

  constructor(private readonly options: ChannelOptions) {}

  begin(...[method, request, call]: Begin): Call {
    const { signal, timeoutMs } = call;
    if (signal.aborted) throw new GrpcFailure('canceled', 'the call was canceled');
    const session = this.session();
    const stream = session.request(this.headers(method, call), { endStream: false });
    stream.end(frameOf(toBinary(method.input, request)));
    let headers: IncomingHttpHeaders | undefined;
    let trailers: IncomingHttpHeaders | undefined;
    let cause: unknown;
    stream.once('response', (given) => {
      headers = given;
    });
    stream.once('trailers', (given) => {
      trailers = given;
    });
    stream.on('error', (error) => {
      cause ??= error;
    });
    const ended = this.#ended;
    const giveUp = (failure: GrpcFailure): void => {
      cause ??= failure;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const abort = (): void => giveUp(new GrpcFailure('canceled', 'the call was canceled'));
    signal.addEventListener('abort', abort, { once: true });
    const late = `${method.name} got no answer in ${(timeoutMs ?? 0) / 1_000} seconds`;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => giveUp(new GrpcFailure('deadline_exceeded', late)), timeoutMs);
    this.count(session, 1);
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
      this.count(session, -1);
    };
    const why = async (): Promise<unknown> =>
      session.destroyed && !(cause instanceof GrpcFailure) ? ended : cause;
    return { stream, headers: () => headers, trailers: () => trailers, cause: why, end };
  }

  private session(): ClientHttp2Session {
    const found = this.#session;
    if (found !== undefined && !found.closed && !found.destroyed) return found;
    const { endpoint, caCertificate } = this.options;
    const session = connect(endpoint, {
      ...(caCertificate === undefined ? {} : { ca: caCertificate }),
      settings: { initialWindowSize: windowBytes, enablePush: false },
      maxSessionMemory: sessionMemoryMb,
    });
    session.once('connect', () => session.setLocalWindowSize(2 * windowBytes));
    this.#ended = new Promise((resolve) => {
      let cause: unknown;
      session.on('error', (error) => {
        cause = error;
      });
      session.once('close', () => {
        if (session === this.#session) clearInterval(this.#pings);
        const reason = isNativeError(cause) ? cause.message : 'the connection was lost';
        resolve(new GrpcFailure('unavailable', reason, {}, cause));
      });
    });
    clearInterval(this.#pings);
    this.#session = session;
    this.#open = 0;
    return session;
  }

  /** A connection without calls keeps no process alive, and is not asked whether it lives. */
  private count(session: ClientHttp2Session, change: 1 | -1): void {
    if (session !== this.#session) return;
    this.#open += change;
    if (this.#open === 1 && change === 1) {
      session.ref();
      this.#pings = setInterval(() => ping(session), pingIntervalMs);
    } else if (this.#open === 0) {
      session.unref();
      clearInterval(this.#pings);
    }
  }

  private headers(method: DescMethod, call: TracedCall): OutgoingHttpHeaders {
    const { timeoutMs, traceparent } = call;
    return {
      ':method': 'POST',
      ':path': `/${method.parent.typeName}/${method.name}`,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      'user-agent': 'terraform-provider-limiquantix',
      authorization: `Bearer ${this.options.token}`,
      ...(timeoutMs === undefined ? {} : { 'grpc-timeout': `${timeoutMs}m` }),
      ...(traceparent === '' ? {} : { traceparent }),
    };
  }
}

/** Ends a connection that answers no ping until the next. */
function ping(session: ClientHttp2Session): void {
  if (session.destroyed || session.connecting) return;
  const timer = setTimeout(
    () => session.destroy(new Error('the connection is silent')),
    pingIntervalMs,
  );
  timer.unref();
  session.ping(() => clearTimeout(timer));
}

/** All messages of an answer that is not endless. */
function whole(call: Call): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    const messages: Uint8Array[] = [];
    call.stream.on('data', (chunk: Buffer) => {
      try {
        messages.push(...messagesIn(call, reader, chunk));
      } catch (failure) {
        reject(failure);
        call.stream.close(constants.NGHTTP2_CANCEL);
      }
    });
    call.stream.once('close', () => {
      settle(call).then(() => {
        if (reader.isWithin) reject(cutOff());
        else resolve(messages);
      }, reject);
    });
  });
}

const cutOff = (): GrpcFailure => new GrpcFailure('internal', 'the answer is cut off');

/** The messages that some bytes complete. Throws GrpcFailure where they are no gRPC. */
function messagesIn(call: Call, reader: FrameReader, chunk: Buffer): Uint8Array[] {
  try {
    return reader.push(chunk);
  } catch (cause) {
    const headers = call.headers();
    const foreign = headers && failureOfHttp(headers);
    if (foreign !== undefined) throw foreign;
    const why = isNativeError(cause) ? cause.message : String(cause);
    throw new GrpcFailure('internal', `the answer is no gRPC: ${why}`, {}, cause);
  }
}

function decode(method: DescMethod, answer: Uint8Array): Message {
  try {
    return fromBinary(method.output, answer);
  } catch (cause) {
    const what = `${method.name}: the answer is no ${method.output.name}`;
    throw new GrpcFailure('internal', what, {}, cause);
  }
}

/** The messages of an answer as they come. */
async function* parts(call: Call): AsyncIterable<Uint8Array> {
  const reader = new FrameReader();
  try {
    for await (const chunk of call.stream as AsyncIterable<Buffer>) {
      yield* messagesIn(call, reader, chunk);
    }
  } catch (error) {
    if (error instanceof GrpcFailure) throw error;
    await settle(call);
    throw error;
  }
  await settle(call);
  if (reader.isWithin) throw cutOff();
}

/** Throws what the call failed of. */
async function settle(call: Call): Promise<void> {
  const headers = call.headers();
  const trailers = call.trailers() ?? headers;
  if (headers === undefined || trailers?.['grpc-status'] === undefined) {
    const foreign = headers && failureOfHttp(headers);
    const cause = await call.cause();
    if (cause instanceof GrpcFailure) throw cause;
    throw foreign ?? failureOfReset(call.stream.rstCode ?? 0, cause);
  }
  const failure = await failureIn(trailers);
  if (failure !== undefined) throw failure;
}
