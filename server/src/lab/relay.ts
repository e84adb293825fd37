/**
 * A TCP relay: accepts on the lab's management network and passes bytes to the control plane's
 * unix socket in the root namespace, TLS and all. A connection made while nobody listens there
 * is closed.
 */
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** More connections than a lab's hosts make are refused. */
const connectionsMax = 1024;

/** Relays until the returned server is closed; rejects when it cannot listen there. */
export function startRelayServer(options: {
  host: string;
  port: number;
  socketPath: string;
  /** Gets this process' id once connections are accepted. */
  pidFile?: string;
}): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (downstream) => {
    const upstream = connect({ path: options.socketPath, allowHalfOpen: true });
    join(downstream, upstream);
    join(upstream, downstream);
  });
  server.maxConnections = connectionsMax;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      if (options.pidFile !== undefined) writeFileSync(options.pidFile, `${process.pid}\n`);
      resolve(server);
    });
  });
}

/** Bytes and end of stream go on; an error or early close of one side closes the other. */
function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (!from.readableEnded) to.destroy();
  });
}
