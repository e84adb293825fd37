/**
 * Unary calls of gRPC on the streams of a session manager, without the layers that Connect has
 * around each: a commit is one such call, and they cost more than the commit itself. Everything
 * else of a transport is Connect's. The protocol: gRPC over HTTP/2, its document PROTOCOL-HTTP2.
 */
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport, type UnaryResponse } from '@connectrpc/connect';
import type { Http2SessionManager } from '@connectrpc/connect-node';
import { decodeStatusText, FrameReader, frameOf } from '@limiquantix/proto/grpc/wire.js';
import type { Timers } from './client.js';

/** What the calls work with. */
export interface UnaryOptions {
  readonly session: Pick<Http2SessionManager, 'request'>;
  readonly timers: Timers;
  /** Streams, and what else a transport does. */
  readonly transport: Transport;
}

const headers = { 'content-type': 'application/grpc+proto', te: 'trailers' } as const;
const timeoutDefaultMs = 10_000;

/** The transport with unary calls of its own. */
export function withPlainUnary({ session, timers, transport }: UnaryOptions): Transport {
  return {
    stream: transport.stream,
    async unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      _signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: Parameters<Transport['unary']>[3],
      input: MessageInitShape<I>,
    ): Promise<UnaryResponse<I, O>> {
      const message = toBinary(method.input, create(method.input, input));
      const path = `/${method.parent.typeName}/${method.name}`;
      const sent = { ...Object.fromEntries(new Headers(header)), ...headers };
      const answer = await within(timers, timeoutMs ?? timeoutDefaultMs, async (onStream) => {
        const stream = await session.request('POST', path, sent, {});
        onStream(stream);
        return exchange(stream, message);
      });
      const none = { header: new Headers(), trailer: new Headers() };
      const { parent: service } = method;
      return {
        ...none,
        stream: false,
        service,
        method,
        message: decode(method.output, answer),
      };
    },
  };
}

/** Does a call within a time; its stream is closed when that is over. */
function within(
  timers: Timers,
  timeoutMs: number,
  call: (onStream: (stream: ClientHttp2Stream) => void) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let opened: ClientHttp2Stream | undefined;
    let isOver = false;
    const cancel = timers.after(timeoutMs, () => {
      isOver = true;
      opened?.close();
      reject(new ConnectError('the operation timed out', Code.DeadlineExceeded));
    });
    call((stream) => {
      opened = stream;
      if (isOver) stream.close();
    })
      .then(resolve, (cause: unknown) => {
        reject(ConnectError.from(cause, Code.Unavailable));
      })
      .finally(cancel);
  });
}

/** Sends a message and resolves with the one that comes back. */
function exchange(stream: ClientHttp2Stream, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    const messages: Uint8Array[] = [];
    let status: IncomingHttpHeaders | undefined;
    const heed = (received: IncomingHttpHeaders): void => {
      if (received['grpc-status'] !== undefined) status = received;
    };
    stream.on('response', heed);
    stream.on('trailers', heed);
    stream.on('data', (chunk: Buffer) => {
      try {
        messages.push(...reader.push(chunk));
      } catch (cause) {
        reject(broken('an answer of gRPC is none', cause));
        stream.close();
      }
    });
    stream.on('error', (cause) => reject(ConnectError.from(cause, Code.Unavailable)));
    stream.on('close', () => {
      const error = errorOf(status);
      const [answer] = messages;
      if (error !== undefined) reject(error);
      else if (answer === undefined || reader.isWithin) {
        reject(broken('an answer of gRPC is not whole'));
      } else resolve(answer);
    });
    stream.end(frameOf(message));
  });
}

/** What the status at a call's end says went wrong; undefined for nothing. */
function errorOf(status: IncomingHttpHeaders | undefined): ConnectError | undefined {
  if (status === undefined) return broken('a call of gRPC ended without a status');
  const code = Number(status['grpc-status']);
  if (code === 0) return undefined;
  const text = status['grpc-message'];
  const message = typeof text === 'string' ? decodeStatusText(text) : '';
  return new ConnectError(message, Code[code] === undefined ? Code.Unknown : (code as Code));
}

function decode<O extends DescMessage>(output: O, answer: Uint8Array): MessageShape<O> {
  try {
    return fromBinary(output, answer);
  } catch (cause) {
    throw broken(`an answer of gRPC is no ${output.name}`, cause);
  }
}

const broken = (message: string, cause?: unknown): ConnectError =>
  new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
