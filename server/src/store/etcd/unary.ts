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
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport, type UnaryResponse } from '@connectrpc/connect';
import type { Http2SessionManager } from '@connectrpc/connect-node';
import { decodeStatusText, frameOf, unframe } from '@limiquantix/proto/grpc/wire.js';
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
      _header: Parameters<Transport['unary']>[3],
      input: MessageInitShape<I>,
    ): Promise<UnaryResponse<I, O>> {
      const message = toBinary(method.input, create(method.input, input));
      const path = `/${method.parent.typeName}/${method.name}`;
      const answer = await within(timers, timeoutMs ?? timeoutDefaultMs, async (onStream) => {
        const stream = await session.request('POST', path, headers, {});
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
        message: fromBinary(method.output, answer),
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
    const chunks: Buffer[] = [];
    let status: IncomingHttpHeaders | undefined;
    const heed = (received: IncomingHttpHeaders): void => {
      if (received['grpc-status'] !== undefined) status = received;
    };
    stream.on('response', heed);
    stream.on('trailers', heed);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (cause) => reject(ConnectError.from(cause, Code.Unavailable)));
    stream.on('close', () => {
      const error = errorOf(status);
      const answer = messageIn(chunks);
      if (error !== undefined) reject(error);
      else if (answer === undefined) reject(broken('an answer of gRPC is not whole'));
      else resolve(answer);
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

/** The one message in an answer; undefined where it isn't whole. */
function messageIn(chunks: readonly Buffer[]): Uint8Array | undefined {
  const [first] = chunks;
  const { messages, rest } = unframe(
    chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks),
  );
  return rest.length === 0 ? messages[0] : undefined;
}

const broken = (message: string): ConnectError => new ConnectError(message, Code.Unavailable);
