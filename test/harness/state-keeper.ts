/**
 * Keeps Terraform's states in memory, over HTTP: a remote backend as teams have one. Terraform
 * writes a local state whole after each resource, and one that is elsewhere every 20 seconds.
 * Source: Terraform's documentation, "Backend Type: http".
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of states, one for each path. */
export class StateKeeper {
  readonly #states = new Map<string, Buffer>();
  readonly #locks = new Map<string, Buffer>();
  readonly #server: Server = createServer((request, response) => {
    answer(this.#states, this.#locks, request, response);
  });

  /** Listens on a free port of the loopback. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A Terraform file that keeps the state of a name here. */
  backend(name: string): string {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/${name}`;
    return `
terraform {
  backend "http" {
    address        = "${url}"
    lock_address   = "${url}"
    unlock_address = "${url}"
  }
}
`;
  }
}

async function answer(
  states: Map<string, Buffer>,
  locks: Map<string, Buffer>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  const path = url.replace(/\?.*/, '');
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const held = locks.get(path);
  const [status, text] = ((): [number, (Buffer | undefined)?] => {
    if (method === 'LOCK' && held !== undefined) return [423, held];
    if (method === 'LOCK') locks.set(path, body);
    else if (method === 'UNLOCK') locks.delete(path);
    else if (method === 'POST') states.set(path, body);
    else if (method === 'DELETE') states.delete(path);
    else return states.has(path) ? [200, states.get(path)] : [404];
    return [200];
  })();
  response.writeHead(status).end(text);
}
