/**
 * What is known of a call from the connection that it came by and the headers that say who makes
 * it, and how to end it where its client reads nothing any more. Carried in Connect's context
 * values, whoever serves the call.
 */
import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';
import { nodeOfCommonName } from '../identity/certificate-authority.js';
import type { NodeRequest } from './rpc-adapter.js';

/** A connection, as far as calls are concerned. */
export interface Connection extends Peer {
  /** The header of that name; undefined without one. */
  readonly authorization: string | undefined;
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
}

const nobody: Peer = { isLocal: false, address: '', nodeId: undefined };
const none: Connection = { ...nobody, authorization: undefined, hangUp: () => undefined };
const connectionKey = createContextKey<Connection>(none, { description: 'connection' });

/** The connection that a call came by. */
export const connectionOf = ({ values }: { readonly values: ContextValues }): Connection =>
  values.get(connectionKey);

/** The values of a call that is made by a request. */
export function valuesOfRequest(request: NodeRequest): ContextValues {
  const { authorization } = request.headers;
  if ('stream' in request) return valuesOfStream(request.stream, authorization);
  const { socket } = request;
  return valuesOf({ ...peerOf(socket, socket), authorization, hangUp: () => socket.destroy() });
}

/** The values of a call that has a stream of its own. */
export function valuesOfStream(
  stream: ServerHttp2Stream,
  authorization: string | undefined,
): ContextValues {
  const { session } = stream;
  const peer = session === undefined ? nobody : peerOf(session, session.socket);
  const hangUp = (): void => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  return valuesOf({ ...peer, authorization, hangUp });
}

function valuesOf(connection: Connection): ContextValues {
  return createContextValues().set(connectionKey, connection);
}

const peers = new WeakMap<Http2Session | Socket, Peer>();

/** The peer of a connection, found out once. */
function peerOf(holder: Http2Session | Socket, socket: Socket): Peer {
  let peer = peers.get(holder);
  if (peer === undefined) {
    const { remoteAddress } = socket;
    const nodeId = nodeOfSocket(socket as TLSSocket);
    peer = { isLocal: remoteAddress === undefined, address: remoteAddress ?? '', nodeId };
    peers.set(holder, peer);
  }
  return peer;
}

function nodeOfSocket(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const { CN: name } = socket.getPeerCertificate().subject;
  return nodeOfCommonName(typeof name === 'string' ? name : undefined);
}
