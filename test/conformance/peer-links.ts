/**
 * The links between members of an etcd cluster as relays on loopback, so that one member can be cut
 * off: what goes to it, and what comes from it, stops until the link is mended. Who dials is told
 * by the header that members send to each other. A lease's renewal that a member passes on to the
 * leader has none: it arrives unless that leader is cut off.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../harness/control-plane.js';

/** The relays: `outer` is where the others dial, `inner` where each member listens. */
export class PeerLinks {
  readonly outer: readonly number[];
  readonly inner: readonly number[];
  readonly #servers: readonly Server[];
  readonly #links = new Set<Link>();
  readonly #ids = new Map<string, number>();
  readonly #cut = new Set<number>();

  private constructor(outer: readonly number[], inner: readonly number[], servers: Server[]) {
    this.outer = outer;
    this.inner = inner;
    this.#servers = servers;
  }

  static async open(members: number): Promise<PeerLinks> {
    const [outer, inner, servers]: [number[], number[], Server[]] = [[], [], []];
    for (let i = 0; i < members; i += 1) {
      inner.push(await freePort());
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      outer.push(address.port);
      servers.push(server);
    }
    const links = new PeerLinks(outer, inner, servers);
    servers.forEach((server, i) => {
      server.on('connection', (socket) => links.#relay(i, socket));
    });
    return links;
  }

  /** Says which member has an id, in hexadecimal. */
  name(id: string, member: number): void {
    this.#ids.set(id, member);
  }

  /** Stops all traffic to and from a member. */
  cut(member: number): void {
    this.#cut.add(member);
    for (const link of this.#links) if (this.#isCut(link)) link.end();
  }

  mend(member: number): void {
    this.#cut.delete(member);
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const link of this.#links) link.end();
  }

  #isCut({ fromId, to }: Pick<Link, 'fromId' | 'to'>): boolean {
    const from = this.#ids.get(fromId ?? '');
    return this.#cut.has(to) || (from !== undefined && this.#cut.has(from));
  }

  #relay(to: number, socket: Socket): void {
    const port = this.inner[to];
    if (port === undefined) throw new Error(`there is no member ${to}`);
    const onward = connect(port, '127.0.0.1');
    const link: Link = {
      to,
      fromId: undefined,
      end: () => {
        socket.destroy();
        onward.destroy();
        this.#links.delete(link);
      },
    };
    this.#links.add(link);
    for (const end of [socket, onward]) end.on('error', link.end).on('close', link.end);
    socket.on('data', (chunk) => {
      link.fromId ??= sender.exec(chunk.toString('latin1'))?.[1];
      if (this.#isCut(link)) link.end();
      else onward.write(chunk);
    });
    onward.pipe(socket);
  }
}

/** The header by which a member says its id, in its raft's requests. */
const sender = /^x-server-from: *([0-9a-f]+)/im;

interface Link {
  /** The id of who dialled, once it said so: a link may begin with requests that don't. */
  fromId: string | undefined;
  readonly to: number;
  readonly end: () => void;
}
