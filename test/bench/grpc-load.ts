/**
 * A gRPC client that costs next to nothing: requests are frames that were encoded before, answers
 * are looked at for their status and otherwise left as bytes. What is measured with it is the
 * server, on a machine that both share.
 */
import { once } from 'node:events';
import { type ClientHttp2Stream, connect } from 'node:http2';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

const prefixBytes = 5;

/** How to call a server. */
export interface GrpcTarget {
  readonly endpoint: string;
  readonly caPem: string;
  readonly token: string;
}

/** A connection. */
export interface GrpcConnection {
  /** Calls a method; the message of the answer. Throws for a status that isn't OK. */
  call(path: string, frame: Buffer): Promise<Buffer>;
  /** Watches; each piece of what comes is given as it is. */
  watch(path: string, frame: Buffer, onData: (piece: Buffer) => void): void;
  close(): void;
}

/** A request of a method as a stream carries it: a flag, its length, and itself. */
export function frameOf<M extends DescMessage>(desc: M, init: MessageInitShape<M>): Buffer {
  const message = toBinary(desc, create(desc, init));
  const frame = Buffer.alloc(prefixBytes + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** Connects. */
export async function connectGrpc({ endpoint, caPem, token }: GrpcTarget): Promise<GrpcConnection> {
  const session = connect(endpoint, { ca: caPem, settings: { initialWindowSize: 16 * 1024 ** 2 } });
  await once(session, 'connect');
  session.setLocalWindowSize(64 * 1024 ** 2);
  const headers = {
    ':method': 'POST',
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  };
  const open = (path: string, frame: Buffer): ClientHttp2Stream => {
    const stream = session.request({ ...headers, ':path': path });
    stream.end(frame);
    return stream;
  };
  return {
    call: (path, frame) => answerOf(open(path, frame)),
    watch(path, frame, onData) {
      open(path, frame).on('data', onData).on('error', ignore);
    },
    close: () => session.destroy(),
  };
}

/** A watch ends by the end of its connection. */
const ignore = (): void => undefined;

function answerOf(stream: ClientHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let status: unknown;
    let message: unknown;
    const note = (headers: Record<string, unknown>): void => {
      status ??= headers['grpc-status'];
      message ??= headers['grpc-message'];
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('end', () => {
      if (status === '0') resolve(Buffer.concat(pieces).subarray(prefixBytes));
      else reject(new Error(`the call ended with ${String(status)}: ${String(message)}`));
    });
  });
}
