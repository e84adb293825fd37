/**
 * A gRPC server in the little that a plugin needs: messages as bytes over HTTP/2, no compression,
 * one message in for each call. gRPC libraries cost a plugin process several times the CPU.
 * Source: gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import {
  encodeStatusText,
  frameOf,
  messageBytesMax,
  prefixBytes,
} from '@limiquantix/proto/grpc/wire.js';

/** How a method is served. */
export type Method =
  | { readonly kind: 'unary'; handle(request: Uint8Array): Promise<Uint8Array> | Uint8Array }
  | { readonly kind: 'stream'; handle(request: Uint8Array): AsyncIterable<Uint8Array> }
  /** A stream that carries nothing and stays open until the client ends it. */
  | { readonly kind: 'idle' };

/** Methods by path, such as `/tfplugin6.Provider/StopProvider`. */
export type MethodTable = ReadonlyMap<string, Method>;

/** The certificates of mutual TLS, in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** The one client certificate that is let in. */
  readonly clientCertificate: string;
}

/** An error that a method answers with. */
export class GrpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** The gRPC status codes that the server itself gives. */
export const grpcCode = { ok: 0, internal: 13, unimplemented: 12, resourceExhausted: 8 } as const;

/** Gives the methods of a connection, at its beginning. */
export type MethodsOf = (session: ServerHttp2Session) => MethodTable;

/** Makes a server that doesn't listen yet. Without TLS it takes plain HTTP/2. */
export function grpcServer(methodsOf: MethodsOf, tls: ServerTls | undefined): Http2Server {
  const server =
    tls === undefined
      ? createServer()
      : createSecureServer({
          cert: tls.cert,
          key: tls.key,
          ca: [tls.clientCertificate],
          requestCert: true,
          rejectUnauthorized: true,
        });
  server.on('session', (session) => {
    const methods = methodsOf(session);
    session.on('error', () => session.destroy());
    session.on('stream', (stream, headers) => serve(methods, stream, headers));
  });
  return server;
}

function serve(
  methods: MethodTable,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  // A call that the client gave up ends with an error that nobody waits for.
  stream.on('error', () => stream.close());
  const path = String(headers[':path']);
  const method = methods.get(path);
  if (method === undefined) {
    refuse(stream, new GrpcError(grpcCode.unimplemented, `${path} is not implemented`));
  } else if (method.kind === 'idle') {
    begin(stream);
    stream.resume();
    stream.on('end', () => stream.end());
  } else {
    receive(stream, (request) => answer(stream, method, request));
  }
}

function receive(stream: ServerHttp2Stream, then: (request: Uint8Array) => Promise<void>): void {
  const chunks: Buffer[] = [];
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received <= messageBytesMax + prefixBytes) chunks.push(chunk);
  });
  stream.on('end', () => {
    if (received > messageBytesMax + prefixBytes) {
      refuse(stream, new GrpcError(grpcCode.resourceExhausted, 'the request is too large'));
      return;
    }
    const [first] = chunks;
    const framed = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    const request = onlyMessage(framed);
    if (request === undefined) {
      const what = 'the request is not one message, whole and not compressed';
      refuse(stream, new GrpcError(grpcCode.unimplemented, what));
      return;
    }
    then(request).catch((error: unknown) => refuse(stream, error));
  });
}

/** The message of a body that has exactly one. */
function onlyMessage(framed: Buffer): Uint8Array | undefined {
  if (framed.length < prefixBytes || framed[0] !== 0) return undefined;
  const isWhole = framed.readUInt32BE(1) === framed.length - prefixBytes;
  return isWhole ? framed.subarray(prefixBytes) : undefined;
}

async function answer(
  stream: ServerHttp2Stream,
  method: Exclude<Method, { kind: 'idle' }>,
  request: Uint8Array,
): Promise<void> {
  if (method.kind === 'unary') {
    const response = await method.handle(request);
    if (stream.destroyed) return;
    begin(stream);
    stream.end(frameOf(response));
    return;
  }
  const responses = method.handle(request)[Symbol.asyncIterator]();
  // The first response decides whether the call fails as a whole.
  let next = await responses.next();
  if (stream.destroyed) return;
  begin(stream);
  for (; next.done !== true && !stream.destroyed; next = await responses.next()) {
    stream.write(frameOf(next.value));
  }
  stream.end();
}

const responseHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };

function begin(stream: ServerHttp2Stream): void {
  stream.respond(responseHeaders, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(grpcCode.ok) }));
}

function refuse(stream: ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed || stream.headersSent) {
    stream.close();
    return;
  }
  const code = error instanceof GrpcError ? error.code : grpcCode.internal;
  const message = error instanceof Error ? error.message : String(error);
  stream.respond(
    {
      ...responseHeaders,
      'grpc-status': String(code),
      'grpc-message': encodeStatusText(message),
    },
    { endStream: true },
  );
}
