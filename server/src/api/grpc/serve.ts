/**
 * gRPC on the server's own HTTP/2 streams, for what nearly all calls are: one message with the
 * contract's encoding, not compressed, to a method that takes one. Everything else (Connect,
 * gRPC-Web, JSON, compressed requests, streams of requests) is Connect's.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ContextValues } from '@connectrpc/connect';
import { type CallOptions, serveCall } from './call.js';
import type { ServedMethod } from './methods.js';

/** What the server works with. */
export interface GrpcOptions extends Omit<CallOptions, 'live'> {
  readonly methods: ReadonlyMap<string, ServedMethod>;
  readonly contextValues: (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ) => ContextValues;
  readonly shutdownSignal: AbortSignal;
}

/** Serves a stream's call; false where it isn't one of those. */
export type ServeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

const contentTypes: ReadonlySet<unknown> = new Set(['application/grpc', 'application/grpc+proto']);

/** Makes what serves streams. */
export function createGrpcServer(options: GrpcOptions): ServeStream {
  const { methods, contextValues, shutdownSignal } = options;
  const live: CallOptions['live'] = new Set();
  shutdownSignal.addEventListener('abort', () => {
    for (const end of live) end(shutdownSignal.reason);
  });
  const callOptions = { ...options, live };
  return (stream, headers) => {
    const served = methods.get(String(headers[':path']));
    if (served === undefined || !isPlain(headers)) return false;
    serveCall({ served, stream, headers, values: contextValues(stream, headers) }, callOptions);
    return true;
  };
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['grpc-encoding'];
  return (
    headers[':method'] === 'POST' &&
    contentTypes.has(headers['content-type']) &&
    (encoding === undefined || encoding === 'identity')
  );
}
