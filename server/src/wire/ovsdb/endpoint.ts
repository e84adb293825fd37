/**
 * Where a server listens, in OVSDB's own notation, and how to reach it: a channel of JSON
 * messages over a unix socket, TCP or TLS. No protocol here; see session.ts.
 */
import net from 'node:net';
import tls from 'node:tls';
import { OvsdbError } from './errors.js';
import { JsonStream } from './json-stream.js';

/** How long one attempt to connect may take. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** Bytes that may wait in the socket before the channel is given up as stuck. */
export const SEND_BACKLOG_BYTES_MAX = 64 * 1024 * 1024;

/** A connection that carries whole JSON values both ways. */
export interface Channel {
  /** Sends a value. After `close`, or when the other side is gone, it does nothing. */
  send(message: unknown): void;
  close(): void;
}

/** What a channel reports; `closed` comes exactly once and is the last. */
export interface ChannelEvents {
  opened(): void;
  received(message: unknown): void;
  closed(cause?: unknown): void;
}

/** Opens a channel to `endpoint`; reports through `events`, never synchronously. */
export type Dial = (endpoint: string, events: ChannelEvents) => Channel;

/** Certificates for `ssl:` endpoints, PEM. */
export interface TlsOptions {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** The name the server's certificate must carry, where it is not the endpoint's host. */
  readonly serverName?: string;
}

/** An endpoint taken apart. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp' | 'ssl'; readonly host: string; readonly port: number };

/** Reads `unix:PATH`, `tcp:HOST:PORT` or `ssl:HOST:PORT`; an IPv6 host stands in brackets. */
export function parseEndpoint(endpoint: string): Endpoint {
  const [, kind, rest = ''] = /^(unix|tcp|ssl):(.+)$/.exec(endpoint) ?? [];
  if (kind === 'unix') return { kind, path: rest };
  const [, host = '', digits = ''] = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(rest) ?? [];
  const port = Number(digits);
  if ((kind === 'tcp' || kind === 'ssl') && host !== '' && port > 0 && port <= 65_535) {
    return { kind, host: host.replace(/^\[|\]$/g, ''), port };
  }
  throw new OvsdbError({
    reason: 'OVSDB_BAD_ENDPOINT',
    retryable: false,
    message: `"${endpoint}" is no endpoint; write unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT`,
  });
}

/** Dials over sockets; `tlsOptions` are needed for `ssl:` endpoints only. */
export function createDial(tlsOptions?: TlsOptions): Dial {
  return (endpoint, events) => new SocketChannel(parseEndpoint(endpoint), tlsOptions, events);
}

class SocketChannel implements Channel {
  private readonly socket: net.Socket;
  private readonly stream = new JsonStream();
  private cause: unknown;

  constructor(
    endpoint: Endpoint,
    tlsOptions: TlsOptions | undefined,
    private readonly events: ChannelEvents,
  ) {
    const opened = (): void => {
      this.socket.setTimeout(0);
      events.opened();
    };
    this.socket = openSocket(endpoint, tlsOptions, opened);
    this.socket.setTimeout(CONNECT_TIMEOUT_MS, () => this.fail(new Error('connect timed out')));
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.receive(chunk));
    this.socket.on('error', (error) => {
      this.cause ??= error;
    });
    this.socket.once('close', () => events.closed(this.cause));
  }

  send(message: unknown): void {
    if (this.socket.destroyed) return;
    this.socket.write(JSON.stringify(message));
    if (this.socket.writableLength > SEND_BACKLOG_BYTES_MAX) {
      this.fail(new Error('the server does not read'));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Uint8Array): void {
    try {
      for (const message of this.stream.push(chunk)) this.events.received(message);
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.cause ??= error;
    this.socket.destroy();
  }
}

function openSocket(
  endpoint: Endpoint,
  tlsOptions: TlsOptions | undefined,
  opened: () => void,
): net.Socket {
  if (endpoint.kind === 'unix') return net.connect({ path: endpoint.path }, opened);
  const { host, port } = endpoint;
  if (endpoint.kind === 'tcp') return net.connect({ host, port }, opened);
  const serverName = tlsOptions?.serverName ?? host;
  return tls.connect(
    {
      host,
      port,
      minVersion: 'TLSv1.2',
      ca: tlsOptions?.caPem,
      cert: tlsOptions?.certificatePem,
      key: tlsOptions?.privateKeyPem,
      ...(net.isIP(serverName) ? {} : { servername: serverName }),
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(serverName, certificate),
    },
    opened,
  );
}
