/**
 * The API's listeners: gRPC, gRPC-web and Connect with JSON over HTTP/2 and HTTP/1.1, on one TLS
 * port each. Client certificates are asked for and optional. Beside the services it answers
 * `/healthz` and `/ca.pem`; the latter is public, because join tokens carry the fingerprint of what
 * it must be.
 */
import assert from 'node:assert/strict';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { Code, ConnectError, type ConnectRouter, type Interceptor } from '@connectrpc/connect';
import type { KeyPair } from '../identity/certificate-authority.js';
import type { Log } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import { noTelemetry, type Telemetry } from '../telemetry.js';
import { noTracing, type Tracing } from '../tracing.js';
import type { Auth } from './auth.js';
import { callLogInterceptor } from './call-log.js';
import { valuesOfRequest, valuesOfStream } from './connection.js';
import { errorInterceptor } from './errors.js';
import { createGate } from './gate.js';
import { recordMethods, type ServedMethod } from './grpc/methods.js';
import { createGrpcServer, type ServeStream } from './grpc/serve.js';
import { type ListenAddress, listen } from './listen.js';
import { type Load, loadInterceptor } from './load.js';
import { createRpcHandler, type NodeRequest, type NodeResponse } from './rpc-adapter.js';
import { telemetryInterceptor } from './telemetry-interceptor.js';

/** What the server works with. */
export interface ApiServerOptions {
  /** Where to listen: at least one. */
  readonly addresses: readonly ListenAddress[];
  readonly keyPair: KeyPair;
  /** The authority whose client certificates count. */
  readonly caPem: string;
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  /** Finds out who calls and refuses what they may not do. */
  readonly auth: Auth;
  /** Refuses what this server can't answer; nothing without it. */
  readonly refuse?: Interceptor | undefined;
  /** Takes what another server answers, and then returns true; nothing without it. */
  readonly relay?: ((...arrived: Parameters<ServeStream>) => boolean) | undefined;
  /** How much is served at once. */
  readonly load: Load;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes how calls end; nobody without it. */
  readonly telemetry?: Telemetry | undefined;
  /** Records calls as spans; nobody without it. */
  readonly tracing?: Tracing | undefined;
  /** A new word for an error that is only told in the log. */
  readonly newId: () => string;
}

/** The running server. */
export interface ApiServer {
  /**
   * Where it listens, with the ports that were chosen: `https://127.0.0.1:7443`,
   * `unix:/run/x.sock`.
   */
  readonly endpoints: readonly string[];
  /** Uses another certificate for connections from now on. */
  setKeyPair(keyPair: KeyPair): void;
  /** Tells clients, lets calls finish for a moment, then ends. Idempotent. */
  close(): Promise<void>;
}

/** Bounds of a listener. */
const connectionsMax = 4096;
const streamsMax = 1000;
const sessionMemoryMb = 256;
/** What a client may send before it is acknowledged: an upload shouldn't wait for each 64 KiB. */
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;
const responseBytesMax = 256 * 1024 * 1024;
/** On a local network, compressing costs more than it saves. */
const compressBytesMin = 256 * 1024;
const closeGraceMs = 2000;

/** Starts to listen. Throws LimiError LISTEN_FAILED where an address can't be had. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const stopping = new AbortController();
  const handlers = createHandlers(options, stopping.signal);
  const listeners: Listener[] = [];
  try {
    for (const address of options.addresses) {
      const listener = createListener(options, handlers);
      listeners.push(listener);
      listener.endpoint = await listen(listener.server, address);
    }
  } catch (cause) {
    await Promise.all(listeners.map((listener) => closeListener(listener, options.clock)));
    throw cause;
  }
  let closing: Promise<unknown> | undefined;
  return {
    endpoints: listeners.map(({ endpoint }) => endpoint),
    setKeyPair({ keyPem, certificatePem }) {
      const { caPem } = options;
      for (const { server } of listeners) {
        server.setSecureContext({ key: keyPem, cert: certificatePem, ca: caPem });
      }
    },
    async close() {
      stopping.abort(new ConnectError('the server is stopping; try again', Code.Unavailable));
      closing ??= Promise.all(listeners.map((listener) => closeListener(listener, options.clock)));
      await closing;
    },
  };
}

/** What serves a stream of HTTP/2 itself, and what serves every other request. */
interface Handlers {
  readonly serveStream: ServeStream;
  readonly serveRequest: (request: NodeRequest, response: NodeResponse) => void;
}

function createHandlers(options: ApiServerOptions, shutdownSignal: AbortSignal): Handlers {
  const { auth, caPem, clock, load, log, refuse, tracing = noTracing } = options;
  const measure = telemetryInterceptor(options.telemetry ?? noTelemetry);
  const note = callLogInterceptor({ ...options, tracing });
  const first = [note, measure, errorInterceptor(options)];
  const gate = createGate(auth, first);
  const before = [...first, ...(refuse ? [refuse] : [])];
  const interceptors = [...before, auth.interceptor, loadInterceptor(load)];
  const writeMaxBytes = responseBytesMax;
  let methods: ReadonlyMap<string, ServedMethod> = new Map();
  const serve = createRpcHandler({
    ...{ gate, log, writeMaxBytes },
    routes(router) {
      const recorded = recordMethods(router, interceptors);
      options.routes(recorded.recording);
      methods = recorded.methods;
    },
    interceptors,
    compressMinBytes: compressBytesMin,
    shutdownSignal,
    contextValues: valuesOfRequest,
    fallback: (_request, response) => answer(response, 404, notFound),
  });
  const serveGrpc = createGrpcServer({
    ...{ gate, methods, clock, log, shutdownSignal, writeMaxBytes },
    contextValues: valuesOfStream,
  });
  const serveRequest = (request: NodeRequest, response: NodeResponse): void => {
    if (request.url === '/healthz') answer(response, 200, '{"status":"ok"}\n');
    else if (request.url === '/ca.pem') answer(response, 200, caPem, 'application/x-pem-file');
    else serve(request, response);
  };
  const serveStream: ServeStream = (...arrived) =>
    options.relay?.(...arrived) === true || serveGrpc(...arrived);
  return { serveStream, serveRequest };
}

const notFound =
  '{"code":"unimplemented","message":"there is no such method; paths are /<service>/<method>"}\n';

function answer(
  response: NodeResponse,
  status: number,
  body: string,
  contentType = 'application/json',
): void {
  response.writeHead(status, { 'content-type': contentType });
  response.write(body);
  response.end();
}

interface Listener {
  readonly server: Http2SecureServer;
  readonly sessions: Set<ServerHttp2Session>;
  readonly sockets: Set<Socket>;
  endpoint: string;
}

function createListener({ keyPair, caPem, log }: ApiServerOptions, handlers: Handlers): Listener {
  const server = createSecureServer({
    allowHTTP1: true,
    key: keyPair.keyPem,
    cert: keyPair.certificatePem,
    ca: caPem,
    requestCert: true,
    // Users have no certificate; who has a wrong one is nobody, and the token decides.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxSessionMemory: sessionMemoryMb,
    settings: { maxConcurrentStreams: streamsMax, initialWindowSize: streamWindowBytes },
  });
  server.maxConnections = connectionsMax;
  const listener: Listener = { server, sessions: new Set(), sockets: new Set(), endpoint: '' };
  track(server, 'session', listener.sessions);
  server.on('session', (session) => session.setLocalWindowSize(sessionWindowBytes));
  track(server, 'secureConnection', listener.sockets);
  // A broken connection is the client's matter; without a listener it would end the process.
  const note = (error: Error) => log.debug('a connection failed', { error: error.message });
  server.on('sessionError', note);
  server.on('tlsClientError', note);
  listenTo(server, handlers);
  return listener;
}

/** Calls on streams of HTTP/2 are served as they are; Node makes requests of the others. */
function listenTo(server: Http2SecureServer, { serveStream, serveRequest }: Handlers): void {
  server.on('request', (request, response) => {
    serveRequest(request, response as unknown as NodeResponse);
  });
  // Node's own, which makes the requests, came with the listener for them.
  const [makeRequest, ...others] = server.listeners('stream');
  assert(makeRequest !== undefined && others.length === 0);
  server.removeAllListeners('stream');
  server.on('stream', (...arrived: Parameters<ServeStream>) => {
    if (!serveStream(...arrived)) {
      Reflect.apply(makeRequest, server, arrived);
    }
  });
}

function track<T extends { once(event: 'close', done: () => void): unknown }>(
  server: Http2SecureServer,
  event: 'session' | 'secureConnection',
  into: Set<T>,
): void {
  server.on(event, (connection: T) => {
    into.add(connection);
    connection.once('close', () => into.delete(connection));
  });
}

function closeListener({ server, sessions, sockets }: Listener, clock: Clock): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = clock.after(closeGraceMs, () => {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    });
    server.close(() => {
      cancel();
      resolve();
    });
    for (const session of sessions) session.close();
  });
}
