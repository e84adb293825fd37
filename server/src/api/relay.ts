/**
 * Hands calls to the server that leads where another one can't answer them: agents' streams,
 * uploads, the inventory, and the admission of fleets, which takes room that the leader gives away.
 * A call goes as it came, by HTTP/2; the leader knows the server by a certificate of the
 * installation, and believes it which node an agent is.
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { Code, type Interceptor } from '@connectrpc/connect';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { VmFleetService } from '@limiquantix/proto/compute/v1/vm_fleet_service_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { InventoryService } from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import { UploadService } from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import type { KeyPair } from '../identity/certificate-authority.js';
import type { Log } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import type { Leadership } from '../store/leadership.js';
import { peerOfStream, relayHeaders } from './connection.js';

/** What a relay works with. */
export interface RelayOptions {
  readonly leadership: Pick<Leadership, 'isLeading' | 'leaderUrl'>;
  readonly caPem: string;
  /** The certificate by which the leader knows this server. */
  readonly keyPair: KeyPair;
  readonly clock: Clock;
  readonly log: Log;
}

/** A leader that answers no ping for this long is not reached; it is asked as often. */
const pingMs = 5_000;
const windowBytes = 1024 * 1024;
const noLeaderRetryMs = 1_000;

/** Services of which only the leader can answer anything. */
const leadersOnly: ReadonlySet<string> = new Set([
  AgentService.typeName,
  UploadService.typeName,
  InventoryService.typeName,
]);

/** Whether only the leader can answer calls of a path such as `/package.Service/Method`. */
export function needsLeader(path: string): boolean {
  const [, service = '', method = ''] = path.split('/');
  if (leadersOnly.has(service)) return true;
  // A machine that grows takes room of its node.
  if (service === VirtualMachineService.typeName) return method.startsWith('Update');
  return service === VmFleetService.typeName && !/^(Get|List|Watch)/.test(method);
}

/** Refuses what only the leader can answer where it came here nevertheless. */
export function leaderInterceptor({ isLeading }: { readonly isLeading: () => boolean }) {
  const interceptor: Interceptor = (next) => (request) => {
    if (!isLeading() && needsLeader(new URL(request.url).pathname)) throw noLeader();
    return next(request);
  };
  return interceptor;
}

/** UNAVAILABLE: no server leads at the moment, as far as this one knows. */
export const noLeader = (): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'NO_LEADER',
    message: 'no server leads at the moment, and this needs the one that leads; try again',
    retryAfterMs: noLeaderRetryMs,
  });

/** The calls that are handed over. */
export class Relay {
  readonly #options: RelayOptions;
  #session: ClientHttp2Session | undefined;
  #sessionUrl = '';

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Hands a call over; false where it is to be answered here. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const { isLeading, leaderUrl } = this.#options.leadership;
    if (isLeading || leaderUrl === undefined) return false;
    const path = headers[':path'] ?? '';
    if (!needsLeader(path)) return false;
    const peer = peerOfStream(stream, headers);
    // From another server, which takes this one for the leader: that is over, or not yet.
    if (peer.isServer) return false;
    forward(this.#sessionTo(leaderUrl), { stream, headers, peer });
    return true;
  }

  /** Ends the calls to a server that no longer leads; their clients call again. */
  changed(): void {
    const { isLeading, leaderUrl } = this.#options.leadership;
    if (!isLeading && leaderUrl === this.#sessionUrl) return;
    this.close();
  }

  /** Ends everything. */
  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
    this.#sessionUrl = '';
  }

  #sessionTo(url: string): ClientHttp2Session {
    const known = this.#session;
    const isOpen = known !== undefined && !known.destroyed && !known.closed;
    if (isOpen && this.#sessionUrl === url) return known;
    this.close();
    const { caPem, clock, keyPair, log } = this.#options;
    const session = connect(url, {
      ca: caPem,
      key: keyPair.keyPem,
      cert: keyPair.certificatePem,
      // Whoever has a server's certificate of this authority is a server, under whatever name.
      checkServerIdentity: () => undefined,
      settings: { initialWindowSize: windowBytes },
    });
    session.on('error', (error) =>
      log.debug('the leader is not reached', { error: String(error) }),
    );
    session.on('goaway', () => {
      if (this.#session === session) this.#session = undefined;
    });
    keepPinging(session, clock);
    this.#session = session;
    this.#sessionUrl = url;
    return session;
  }
}

/** Ends a session whose other end has fallen silent. */
function keepPinging(session: ClientHttp2Session, clock: Clock): void {
  let isAnswered = true;
  const look = (): void => {
    if (session.destroyed) return;
    if (!isAnswered) {
      session.destroy();
      return;
    }
    isAnswered = session.connecting;
    if (!session.connecting) {
      session.ping((error) => {
        isAnswered = error === null;
      });
    }
    cancel = clock.after(pingMs, look);
  };
  let cancel = clock.after(pingMs, look);
  session.on('close', () => cancel());
}

interface Call {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly peer: ReturnType<typeof peerOfStream>;
}

function forward(session: ClientHttp2Session, { stream, headers, peer }: Call): void {
  const onward = session.request({ ...withoutOwn(headers), ...relayHeaders(peer) });
  let trailers: OutgoingHttpHeaders = {};
  onward.on('response', (answer, flags) => {
    if (stream.closed || stream.destroyed) return;
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond({ ...answer }, endStream ? { endStream } : { waitForTrailers: true });
  });
  onward.on('trailers', (last) => {
    trailers = { ...last };
  });
  stream.on('wantTrailers', () => {
    if (Object.keys(trailers).length > 0) stream.sendTrailers(trailers);
    else stream.close();
  });
  stream.pipe(onward);
  onward.pipe(stream);
  // Closed by whoever ends first; the other side learns why by its own protocol.
  stream.on('error', () => onward.close(constants.NGHTTP2_CANCEL));
  stream.on('close', () => onward.close(constants.NGHTTP2_CANCEL));
  onward.on('error', () => fail(stream));
  onward.on('close', () => {
    if (!stream.writableEnded) fail(stream);
  });
}

/** The leader is gone: a status that every client takes for UNAVAILABLE, or the stream's end. */
function fail(stream: ServerHttp2Stream): void {
  if (stream.closed || stream.destroyed) return;
  if (stream.headersSent) stream.close(constants.NGHTTP2_REFUSED_STREAM);
  else stream.respond({ ':status': 503 }, { endStream: true });
}

/** The headers but those that are of a connection, or that only a server may send. */
function withoutOwn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const own = [':authority', 'host', 'connection', ...Object.keys(relayHeaders(undefined))];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));
}
