/** Addresses that servers listen on: TCP and unix sockets. */
import { chmod, unlink } from 'node:fs/promises';
import { connect, isIPv6, type Server } from 'node:net';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** An address to listen on. */
export type ListenAddress =
  /** Port 0 is any free one. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Connections of the machine's own users: the token decides, not the file's mode. */
const socketMode = 0o666;

/**
 * Reads `host:port`, `[ipv6]:port`, or the path of a socket, with or without `unix:`. Throws for
 * others.
 */
export function parseListenAddress(text: string): ListenAddress {
  const path = text.startsWith('unix:') ? text.slice(5) : text;
  if (path.startsWith('/') || path.startsWith('./')) return { kind: 'unix', path };
  const [, ipv6, name, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:/[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port !== undefined && Number(port) <= 65_535) {
    return { kind: 'tcp', host: ipv6 ?? (name || '0.0.0.0'), port: Number(port) };
  }
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'ADDRESS_INVALID',
    message: `can't listen on ${JSON.stringify(text)}; give host:port, [ipv6]:port or the path of a socket`,
  });
}

/** Listens. Returns the endpoint; throws LISTEN_FAILED where the address can't be had. */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  if (address.kind === 'unix') await removeStale(address.path);
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error): void => reject(listenFailed(address, cause));
    server.once('error', fail);
    const done = (): void => {
      server.off('error', fail);
      resolve();
    };
    if (address.kind === 'unix') server.listen(address.path, done);
    else server.listen(address.port, address.host, done);
  });
  if (address.kind === 'unix') await chmod(address.path, socketMode);
  return endpointOf(server, address);
}

function endpointOf(server: Server, address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
  return `https://${host}:${port}`;
}

/** Removes a socket that nobody listens on: what a killed server left. */
async function removeStale(path: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  if (code === 'ECONNREFUSED') await unlink(path);
}

function listenFailed(address: ListenAddress, cause: Error): LimiError {
  const where = address.kind === 'unix' ? 'the socket' : `${address.host}:${address.port}`;
  return new LimiError({
    code: Code.Unavailable,
    reason: 'LISTEN_FAILED',
    message: `can't listen on ${where}: it is in use, or this user may not; give another address`,
    detail: address.kind === 'unix' ? address.path : cause.message,
    cause,
  });
}
