/**
 * A plugin process that was not started by Terraform: it stays, says how Terraform attaches to it
 * by TF_REATTACH_PROVIDERS, and serves any number of commands, one after the other or at once. Each
 * connection gets a service of its own, as it would get a process of its own.
 * Source: github.com/hashicorp/terraform, internal/getproviders/reattach.
 */
import { grpcServer, type MethodTable } from './grpc-server.js';
import { protocolVersion } from './handshake.js';
import { pluginMethods } from './plugin-methods.js';
import { pluginSocket } from './socket.js';

/** What serves one connection. */
export interface OpenService {
  readonly methods: MethodTable;
  /** What is to be done once the connection is closed; undefined for nothing. Never rejects. */
  readonly end: () => Promise<unknown> | undefined;
}

/** What such a process needs from its surroundings. */
export interface AttachOptions {
  /** The folder to make the socket's folder in. */
  readonly socketParent: string;
  readonly processId: number;
  /** The provider's source address, such as `registry.terraform.io/limiquantix/limiquantix`. */
  readonly address: string;
  /** Called for each connection. */
  readonly open: () => OpenService;
  /** Writes to the process' standard output. */
  readonly write: (text: string) => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

/** Serves until the end. Returns how to end it. */
export function serveAttached(options: AttachOptions): () => void {
  const { socketParent, open, write, exit } = options;
  const socket = pluginSocket(socketParent);
  const services = new Set<OpenService>();
  const closing = new Set<Promise<unknown>>();
  const close = (service: OpenService): void => {
    if (!services.delete(service)) return;
    const last = service.end();
    if (last === undefined) return;
    closing.add(last);
    void last.finally(() => closing.delete(last));
  };
  const server = grpcServer((session) => {
    const service = open();
    services.add(service);
    session.on('close', () => close(service));
    return new Map([...service.methods, ...pluginMethods(() => session.close())]);
  }, undefined);
  server.listen(socket.path, () => write(howToAttach(options, socket.path)));
  let isEnding = false;
  return () => {
    if (isEnding) return;
    isEnding = true;
    server.close();
    socket.remove();
    for (const service of services) close(service);
    void Promise.all(closing).finally(() => exit(0));
  };
}

function howToAttach({ address, processId }: AttachOptions, path: string): string {
  const reattach = {
    ...{ Protocol: 'grpc', ProtocolVersion: protocolVersion, Pid: processId },
    // Terraform neither ends the process nor asks it to end.
    ...{ Test: true, Addr: { Network: 'unix', String: path } },
  };
  return [
    'The provider serves. To have Terraform use this process, set in its environment:',
    '',
    `\tTF_REATTACH_PROVIDERS='${JSON.stringify({ [address]: reattach })}'`,
    '',
    'Settings are read from the environment of this process. Ctrl-C ends it.',
    '',
  ].join('\n');
}
