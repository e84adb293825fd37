/**
 * The control plane as an agent calls it over the network: HTTP/2 with TLS, the host's own
 * certificate, and pings, so that a dead connection is noticed. The simulator has another one of
 * the same shape.
 */
import { type Client, createClient } from '@connectrpc/connect';
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

/**
 * Makes the connection; nothing is dialled before the first call. `url` may be several with commas
 * between: a stream that fails at one is opened at the next, and images are read where it is.
 */
export function connectControlPlane(
  url: string,
  identity: Pick<NodeIdentity, 'caPem' | 'certificatePem' | 'keyPem'>,
): ControlPlane {
  const servers = urlsOf(url).map((one) => connectServer(one, identity));
  let at = 0;
  const present = (): Server => {
    const server = servers[at % servers.length];
    if (server === undefined) throw new Error('an agent has a control plane');
    return server;
  };
  return {
    async *open(requests, signal) {
      try {
        yield* present().client.connect(requests, { signal });
      } finally {
        at += 1;
      }
    },
    async *readImage(imageId, offset, signal) {
      const options = signal === undefined ? {} : { signal };
      for await (const { data } of present().client.readImage({ imageId, offset }, options)) {
        yield data;
      }
    },
    close: () => {
      for (const { session } of servers) session.abort();
    },
  };
}

/** The URLs in a list with commas. */
export const urlsOf = (list: string): readonly string[] => list.split(',');

interface Server {
  readonly session: Http2SessionManager;
  readonly client: Client<typeof AgentService>;
}

function connectServer(
  url: string,
  identity: Pick<NodeIdentity, 'caPem' | 'certificatePem' | 'keyPem'>,
): Server {
  const session = new Http2SessionManager(
    url,
    { pingIntervalMs, pingTimeoutMs },
    { ca: identity.caPem, cert: identity.certificatePem, key: identity.keyPem },
  );
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '2',
    sessionManager: session,
  });
  return { session, client: createClient(AgentService, transport) };
}
