/**
 * The life of a plugin process: make the socket in a folder of its own, say where it is, serve
 * until Terraform asks for the end or goes away, and take the socket away again.
 */
import { randomBytes } from 'node:crypto';
import type { Http2Server } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { selfSigned } from './certificate.js';
import { grpcServer, type MethodTable } from './grpc-server.js';
import { handshakeLine, type PluginEnvironment } from './handshake.js';
import { pluginMethods } from './plugin-methods.js';
import { pluginSocket } from './socket.js';

/** What a plugin process needs from its surroundings. */
export interface ServeOptions {
  readonly environment: PluginEnvironment;
  /** The plugin's own methods. */
  readonly methods: MethodTable;
  readonly nowMs: number;
  /** Writes to the process' standard output. */
  readonly write: (line: string) => void;
  /** What is to be done before the end; undefined for nothing. Not waited for long. */
  readonly beforeEnd?: () => Promise<unknown> | undefined;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

/** Serves until the end. Returns, as soon as the server is about to listen, how to end it. */
export function serve(options: ServeOptions): () => void {
  const { environment, methods, nowMs, write, exit, beforeEnd } = options;
  const socket = pluginSocket(environment.socketParent);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    const leave = (): void => {
      server.close();
      socket.remove();
      exit(0);
    };
    const last = beforeEnd?.();
    if (last === undefined) leave();
    else Promise.race([last, delay(lastMs)]).finally(leave);
  };
  const { clientCertificate } = environment;
  const certificate =
    clientCertificate === undefined ? undefined : selfSigned({ nowMs, serial: randomBytes(16) });
  const all = new Map([...methods, ...pluginMethods(end)]);
  const server = grpcServer(
    () => all,
    certificate === undefined || clientCertificate === undefined
      ? undefined
      : { cert: certificate.certificatePem, key: certificate.keyPem, clientCertificate },
  );
  endWhenDeserted(server, end);
  server.listen(socket.path, () => write(handshakeLine(socket.path, certificate?.der)));
  return end;
}

/** Terraform kills a process that hasn't ended two seconds after it was asked to. */
const lastMs = 1_500;

/** After Terraform's last connection closed without a word, for instance because it was killed. */
const desertedMs = 5_000;

function endWhenDeserted(server: Http2Server, end: () => void): void {
  let sessions = 0;
  let timer: NodeJS.Timeout | undefined;
  server.on('session', (session) => {
    sessions += 1;
    clearTimeout(timer);
    session.on('close', () => {
      sessions -= 1;
      if (sessions === 0) timer = setTimeout(end, desertedMs).unref();
    });
  });
}
