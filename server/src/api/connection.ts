/**
 * What handlers know of the connection that a call came by: whether it is one of the machine's own
 * users, and how to end the call where its client reads nothing any more. Carried in Connect's
 * context values.
 */
import { constants } from 'node:http2';
import { type ContextValues, createContextKey } from '@connectrpc/connect';
import type { NodeRequest } from './rpc-adapter.js';

/** A connection, as far as calls are concerned. */
export interface Connection {
  /** Whether it came by a unix socket: from a user of this machine. */
  readonly isLocal: boolean;
  /** The address that it came from; empty for a unix socket. */
  readonly address: string;
  /** Ends the call at once; what wasn't sent yet is lost. */
  readonly hangUp: () => void;
}

const none: Connection = { isLocal: false, address: '', hangUp: () => undefined };
const connectionKey = createContextKey<Connection>(none, { description: 'connection' });

/** The connection that a call came by. */
export const connectionOf = ({ values }: { readonly values: ContextValues }): Connection =>
  values.get(connectionKey);

/** Notes the connection that a request came by. */
export function setConnection(values: ContextValues, request: NodeRequest): void {
  values.set(connectionKey, {
    isLocal: request.socket.remoteAddress === undefined,
    address: request.socket.remoteAddress ?? '',
    hangUp: () => {
      if ('stream' in request) request.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      else request.socket.destroy();
    },
  });
}
