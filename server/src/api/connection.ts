/**
 * What is known of a call from the connection that it came by and the headers that say who makes
 * it, and how to end it where its client reads nothing any more. Carried in Connect's context
 * values, whoever serves the call.
 */
import {
  constants,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';
import { parseTraceparent } from '@limiquantix/proto/trace/traceparent.js';
import { isServerCommonName, nodeOfCommonName } from '../identity/certificate-authority.js';
import type { NodeRequest } from './rpc-adapter.js';

/** A connection, as far as calls are concerned. */
export interface Connection extends Peer {
  /** The header of that name; undefined without one. */
  readonly authorization: string | undefined;
  /** The W3C trace context that the caller gave; empty for none. */
  readonly traceparent: string;
  /** Ends the call at once; what wasn't sent yet is lost. */
  readonly hangUp: () => void;
}

/** Who is at the other end. */
interface Peer {
  /** Whether it is by a unix socket: a user of this machine. */
  readonly isLocal: boolean;
  /** The address; empty for a unix socket. */
  readonly address: string;
  /** The node that a valid client certificate is of; undefined without one. */
  readonly nodeId: string | undefined;
  /** Whether it is another server of the installation, which relays a call. */
  readonly isServer: boolean;
}

/** What a server that relays a call says of its caller; believed from servers alone. */
const relayedNode = 'limiquantix-relayed-node';
const relayedAddress = 'limiquantix-relayed-address';

const nobody: Peer = { isLocal: false, address: '', nodeId: undefined, isServer: false };
const none: Connection = {
  ...nobody,
  authorization: undefined,
  traceparent: '',
  hangUp: () => undefined,
};
const connectionKey = createContextKey<Connection>(none, { description: 'connection' });

/** The connection that a call came by. */
export const connectionOf = ({ values }: { readonly values: ContextValues }): Connection =>
  values.get(connectionKey);

/** The values of a call that is made by a request. */
export function valuesOfRequest(request: NodeRequest): ContextValues {
  const { authorization } = request.headers;
  if ('stream' in request) return valuesOfStream(request.stream, request.headers);
  const { socket } = request;
  const traceparent = traceparentIn(request.headers);
  const hangUp = (): unknown => socket.destroy();
  return valuesOf({ ...peerOf(socket, socket), authorization, traceparent, hangUp });
}

/** The values of a call that has a stream of its own. */
export function valuesOfStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): ContextValues {
  const peer = peerOfStream(stream, headers);
  const { authorization } = headers;
  const hangUp = (): void => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  return valuesOf({ ...peer, authorization, traceparent: traceparentIn(headers), hangUp });
}

function traceparentIn(headers: IncomingHttpHeaders): string {
  const { traceparent } = headers;
  // Nothing that isn't one goes into records and logs.
  return typeof traceparent === 'string' && parseTraceparent(traceparent) ? traceparent : '';
}

/** Who makes a call on a stream: the peer, or whom a server relays it for. */
export function peerOfStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Peer {
  const { session } = stream;
  const peer = session === undefined ? nobody : peerOf(session, session.socket);
  if (!peer.isServer) return peer;
  const [nodeId, address] = [headers[relayedNode], headers[relayedAddress]].map((value) =>
    typeof value === 'string' ? value : '',
  );
  return { ...peer, nodeId: nodeId || undefined, address: address || peer.address };
}

/** What a server says of the caller of a call that it relays. */
export const relayHeaders = (peer: Pick<Peer, 'nodeId' | 'address'> | undefined) => ({
  [relayedNode]: peer?.nodeId ?? '',
  [relayedAddress]: peer?.address ?? '',
});

/** The values of a call that came by a connection. */
export function valuesOf(connection: Connection): ContextValues {
  return createContextValues().set(connectionKey, connection);
}

const peers = new WeakMap<Http2Session | Socket, Peer>();

/** The peer of a connection, found out once. */
function peerOf(holder: Http2Session | Socket, socket: Socket): Peer {
  let peer = peers.get(holder);
  if (peer === undefined) {
    const { remoteAddress } = socket;
    const name = nameOfSocket(socket as TLSSocket);
    const [nodeId, isServer] = [nodeOfCommonName(name), isServerCommonName(name)];
    peer = { isLocal: remoteAddress === undefined, address: remoteAddress ?? '', nodeId, isServer };
    peers.set(holder, peer);
  }
  return peer;
}

/** The name in a valid client certificate. */
function nameOfSocket(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const { CN: name } = socket.getPeerCertificate().subject;
  return typeof name === 'string' ? name : undefined;
}
