/**
 * One gRPC call on its HTTP/2 stream: reads the request's message, runs the method, and writes the
 * answer or the stream of them. What few calls look at (headers, the signal that ends with the
 * call, its deadline) is made when it is asked for.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { create, isMessage, type Message } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ContextValues,
  type HandlerContext,
  type StreamRequest,
  type UnaryRequest,
} from '@connectrpc/connect';
import { parseTimeout } from '@connectrpc/connect/protocol-grpc';
import { TooManyParts } from '@limiquantix/proto/binary/bounds.js';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import { frameOf } from '@limiquantix/proto/grpc/wire.js';
import type { Log, LogFields } from '../../log.js';
import type { Clock } from '../../reconcile/clock.js';
import { notesIn } from '../call-notes.js';
import { encodingOf } from '../encoded.js';
import { bytesMaxOf, type Gate } from '../gate.js';
import { partsMax, tooManyParts } from '../message-bound.js';
import type { ServedMethod } from './methods.js';
import { RequestBody, statusHeaders } from './wire.js';

/** What calls are served with. */
export interface CallOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Says whether the request of a call may be read. */
  readonly gate: Gate;
  /** How long a message of an answer may be. */
  readonly writeMaxBytes: number;
  /** The calls that are being served, and how to end them. */
  readonly live: Set<(reason: unknown) => void>;
}

/** A call that comes. */
export interface Arrived {
  readonly served: ServedMethod;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly values: ContextValues;
}

/** Serves a call to its end. */
export function serveCall(arrived: Arrived, options: CallOptions): void {
  const { served, stream, values } = arrived;
  const body = new RequestBody(bytesMaxOf(served.method));
  const gated = options.gate(served.method, values).then((refusal) => {
    if (refusal !== undefined) body.refuse(refusal);
  });
  let isRead = false;
  const run = (): void => {
    if (isRead) return;
    isRead = true;
    const read = async (): Promise<Uint8Array> => {
      await gated;
      return body.message();
    };
    new GrpcCall(arrived, options).answer(read).catch((error: unknown) => {
      const call = fieldsOf(arrived);
      options.log.debug('an answer could not be sent', { ...call, error: String(error) });
      stream.close();
    });
  };
  stream.on('data', (piece: Buffer) => {
    if (!body.push(piece)) run();
  });
  stream.on('end', run);
  stream.on('error', (error) => {
    options.log.debug('a call broke off', { ...fieldsOf(arrived), error: error.message });
  });
}

const fieldsOf = ({ served, values }: Arrived): LogFields =>
  notesIn(values)?.fields ?? {
    method: `${served.method.parent.typeName}/${served.method.name}`,
  };

const answerHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };

class GrpcCall {
  readonly #arrived: Arrived;
  readonly #options: CallOptions;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #deadlineMs: number | undefined;
  #abort: AbortController | undefined;
  #finish: (() => void) | undefined;
  #error: ConnectError | undefined;

  constructor(arrived: Arrived, options: CallOptions) {
    this.#arrived = arrived;
    this.#options = options;
  }

  /** Answers the request that is read. Throws where that can't be written. */
  async answer(read: () => Promise<Uint8Array>): Promise<void> {
    try {
      await this.#run(read);
    } catch (cause) {
      // The error interceptor has made one of what handlers throw; Connect's own are of that kind.
      this.#fail(ConnectError.from(cause, Code.Internal));
    } finally {
      this.#finish?.();
    }
  }

  async #run(read: () => Promise<Uint8Array>): Promise<void> {
    const { headers, served } = this.#arrived;
    const { method } = served;
    const timeout = headers['grpc-timeout'];
    if (timeout !== undefined) this.#heedTimeout(String(timeout));
    const bytes = await read();
    const message = decode(() => fromBinary(method.input, bytes, { partsMax }));
    const response = await served.run(this.#request(message), this.#context());
    if (response.stream) await this.#stream(response.message);
    else this.#send(response.message);
  }

  #heedTimeout(text: string): void {
    const { timeoutMs, error } = parseTimeout(text, Number.MAX_SAFE_INTEGER);
    if (error !== undefined) throw error;
    if (timeoutMs !== undefined) this.#deadlineMs = this.#options.clock.nowMs() + timeoutMs;
  }

  #request(message: Message): UnaryRequest | StreamRequest {
    const { headers, served, values } = this.#arrived;
    const call = this;
    const isStream = served.method.methodKind === 'server_streaming';
    return {
      stream: isStream,
      message: isStream ? only(message) : message,
      service: served.method.parent,
      method: served.method,
      requestMethod: 'POST',
      url: urlOf(headers),
      contextValues: values,
      get header() {
        return toHeaders(headers);
      },
      get signal() {
        return call.#signal();
      },
    } as UnaryRequest | StreamRequest;
  }

  #context(): HandlerContext {
    const { headers, served, values } = this.#arrived;
    const call = this;
    return {
      service: served.method.parent,
      method: served.method,
      requestMethod: 'POST',
      protocolName: 'grpc',
      url: urlOf(headers),
      values,
      timeoutMs: () => call.#leftMs(),
      get signal() {
        return call.#signal();
      },
      get requestHeader() {
        return toHeaders(headers);
      },
      get responseHeader() {
        call.#responseHeader ??= new Headers();
        return call.#responseHeader;
      },
      get responseTrailer() {
        call.#responseTrailer ??= new Headers();
        return call.#responseTrailer;
      },
    } as HandlerContext;
  }

  #leftMs(): number | undefined {
    return this.#deadlineMs && this.#deadlineMs - this.#options.clock.nowMs();
  }

  /** Aborts when the call is over, whoever ends it: most calls are so short that none asks. */
  #signal(): AbortSignal {
    if (this.#abort !== undefined) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const { stream } = this.#arrived;
    const { clock, live } = this.#options;
    const end = (reason: unknown): void => abort.abort(reason);
    const onClose = (): void => end(new ConnectError('the call was ended', Code.Canceled));
    const leftMs = this.#leftMs();
    const cancel =
      leftMs === undefined ? undefined : clock.after(Math.max(0, leftMs), () => end(timedOut()));
    this.#finish = () => {
      cancel?.();
      live.delete(end);
      stream.off('close', onClose);
      end(over);
    };
    live.add(end);
    stream.once('close', onClose);
    if (stream.destroyed) onClose();
    return abort.signal;
  }

  #send(message: object): void {
    const frame = this.#encode(message);
    if (this.#begin()) this.#arrived.stream.end(frame);
  }

  /** Writes as fast as the client reads: the next message is asked for when this one is taken. */
  async #stream(messages: AsyncIterable<object>): Promise<void> {
    const { stream } = this.#arrived;
    for await (const message of messages) {
      const frame = this.#encode(message);
      if (!this.#begin()) return;
      if (!stream.write(frame)) await taken(stream);
    }
    if (this.#begin()) stream.end();
  }

  #encode(message: object): Buffer {
    const { output } = this.#arrived.served.method;
    const known = encodingOf(message)?.();
    const bytes = known ?? toBinary(output, normal(output, message));
    if (bytes.length <= this.#options.writeMaxBytes) {
      return known === undefined ? frameOf(bytes) : sharedFrameOf(known);
    }
    const { writeMaxBytes } = this.#options;
    throw new ConnectError(
      `the answer has ${bytes.length} bytes, and this server sends ${writeMaxBytes} at most`,
      Code.ResourceExhausted,
    );
  }

  /** Sends the headers once; false where nobody is at the other end any more. */
  #begin(): boolean {
    const { stream } = this.#arrived;
    if (stream.destroyed || stream.closed) return false;
    if (stream.headersSent) return true;
    const own = this.#responseHeader && Object.fromEntries(this.#responseHeader);
    stream.on('wantTrailers', () => {
      const trailers = this.#responseTrailer && Object.fromEntries(this.#responseTrailer);
      stream.sendTrailers({ ...trailers, ...statusHeaders(this.#error) });
    });
    stream.respond(own ? { ...own, ...answerHeaders } : answerHeaders, withTrailers);
    return true;
  }

  #fail(error: ConnectError): void {
    const { stream } = this.#arrived;
    if (stream.destroyed || stream.closed) return;
    this.#error = error;
    if (stream.headersSent) stream.end();
    else stream.respond({ ...answerHeaders, ...statusHeaders(error) }, { endStream: true });
  }
}

const sharedFrames = new WeakMap<Uint8Array, Buffer>();

/** The frame of bytes that may go to many clients, made once. */
function sharedFrameOf(bytes: Uint8Array): Buffer {
  let frame = sharedFrames.get(bytes);
  if (frame === undefined) {
    frame = frameOf(bytes);
    sharedFrames.set(bytes, frame);
  }
  return frame;
}

const withTrailers = { waitForTrailers: true, sendDate: false };

const over = new ConnectError('the call is over', Code.Canceled);

const timedOut = (): ConnectError =>
  new ConnectError('the operation timed out', Code.DeadlineExceeded);

type Desc = ServedMethod['method']['output'];

const normal = (desc: Desc, answer: object): Message =>
  isMessage(answer, desc) ? answer : create(desc, answer as Record<string, unknown>);

function decode<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof TooManyParts) throw tooManyParts();
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectError(`parse binary: ${message}`, Code.Internal);
  }
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Resolves when a stream takes more, or never will. */
function taken(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
    if (stream.destroyed) done();
  });
}

const urlOf = (headers: IncomingHttpHeaders): string =>
  `https://${headers[':authority']}${headers[':path']}`;

function toHeaders(headers: IncomingHttpHeaders): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) all.append(name, one);
  }
  return all;
}
