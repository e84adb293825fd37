/**
 * The control plane as an agent calls it over the network: HTTP/2 with TLS, the host's own
 * certificate, and pings, so that a dead connection is noticed. The simulator has another one of
 * the same shape.
 */
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import type { OpenStream } from './connection.js';
import type { NodeIdentity } from './identity.js';

/** What an agent asks of the control plane. */
export interface ControlPlane {
  /** Opens the agent's stream. */
  readonly open: OpenStream;
  /** Reads an image's content from an offset on. */
  readonly readImage: (imageId: string, offset: bigint, signal?: AbortSignal) => ImageContent;
  /** Closes the connection. */
  readonly close: () => void;
}

/** An image's content, in pieces. */
export type ImageContent = AsyncIterable<Uint8Array>;

/** A connection that answers no ping for this long is dead. */
const pingTimeoutMs = 5_000;
const pingIntervalMs = 5_000;

/** Makes the connection; nothing is dialled before the first call. */
export function connectControlPlane(
  url: string,
  identity: Pick<NodeIdentity, 'caPem' | 'certificatePem' | 'keyPem'>,
): ControlPlane {
  const sessionManager = new Http2SessionManager(
    url,
    { pingIntervalMs, pingTimeoutMs },
    { ca: identity.caPem, cert: identity.certificatePem, key: identity.keyPem },
  );
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', sessionManager });
  const client = createClient(AgentService, transport);
  return {
    open: (requests, signal) => client.connect(requests, { signal }),
    async *readImage(imageId, offset, signal) {
      const options = signal === undefined ? {} : { signal };
      for await (const { data } of client.readImage({ imageId, offset }, options)) yield data;
    },
    close: () => sessionManager.abort(),
  };
}
