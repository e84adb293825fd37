/**
 * What agents call. It finds out who calls and hands over: the streams to the hub, the joining of a
 * host and the reading of images to those that are given to it.
 */
import { create } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import {
  type AgentService,
  ReadImageResponseSchema,
  RegisterResponseSchema,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import type { AgentHub } from './agent-hub.js';

/** A host that wants to join. */
export interface JoinRequest {
  readonly joinToken: string;
  readonly nodeName: string;
  /** A certificate request in PEM, of which only the public key counts. */
  readonly csrPem: string;
}

/** What the service works with. */
export interface AgentServiceOptions {
  readonly hub: Pick<AgentHub, 'serve'>;
  /** The node that the caller's client certificate proves it to be. Throws where it proves none. */
  readonly nodeOf: (context: HandlerContext) => string;
  /** Joins a host. Throws where the token is no good. */
  readonly join: (request: JoinRequest) => Promise<{ nodeId: string; certificatePem: string }>;
  /** An image's content from an offset on. Throws NOT_FOUND where the library hasn't all of it. */
  readonly readImage: (
    imageId: string,
    offset: bigint,
    signal: AbortSignal,
  ) => AsyncIterable<Uint8Array>;
}

/** Makes the service. */
export function createAgentService(options: AgentServiceOptions): ServiceImpl<typeof AgentService> {
  const { hub, nodeOf, join, readImage } = options;
  return {
    async register(request) {
      return create(RegisterResponseSchema, await join(request));
    },
    connect: (requests, context) => hub.serve(nodeOf(context), requests, context.signal),
    async *readImage({ imageId, offset }, context) {
      nodeOf(context);
      for await (const data of readImage(imageId, offset, context.signal)) {
        yield create(ReadImageResponseSchema, { data });
      }
    },
  };
}
