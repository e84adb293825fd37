/**
 * Connect's handlers as a handler of Node's requests. Like Connect's own adapter, but a client that
 * went away amid an answer is a line in our log and not one on the console.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import type { ContextValues } from '@connectrpc/connect';
import { createConnectRouter } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import {
  type ConnectNodeAdapterOptions,
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { Log } from '../log.js';
import { notesIn } from './call-notes.js';
import { bytesMaxOf, type Gate } from './gate.js';
import { boundMessages } from './message-bound.js';

type Fallback = NonNullable<ConnectNodeAdapterOptions['fallback']>;

/** A request of Node's HTTP servers, of either version. */
export type NodeRequest = Parameters<Fallback>[0];
/** The response to it. */
export type NodeResponse = Parameters<Fallback>[1];

/** What an adapter works with, beside what Connect's own does. */
export type RpcAdapterOptions = Omit<ConnectNodeAdapterOptions, 'requestPathPrefix'> & {
  readonly contextValues: (request: NodeRequest) => ContextValues;
  readonly fallback: Fallback;
  readonly log: Log;
  /** Says whether the request of a call may be read. */
  readonly gate: Gate;
};

const compressions = [compressionGzip, compressionBrotli];

/** Makes the handler. */
export function createRpcHandler(
  options: RpcAdapterOptions,
): (request: NodeRequest, response: NodeResponse) => void {
  const router = createConnectRouter({
    acceptCompression: compressions,
    ...options,
  });
  options.routes(router);
  // The messages of a stream are read behind the interceptors.
  const isRead = ({ methodKind }: DescMethod): boolean =>
    methodKind === 'unary' || methodKind === 'server_streaming';
  const bounded = async (
    call: UniversalServerRequest,
    method: DescMethod,
    values: ContextValues,
  ): Promise<UniversalServerRequest> => {
    const refusal = isRead(method) ? await options.gate(method, values) : undefined;
    const { input } = method;
    return boundMessages(call, { input, compressions, bytesMax: bytesMaxOf(method), refusal });
  };
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = handlers.get(request.url?.split('?', 1)[0] ?? '');
    if (handler === undefined) {
      options.fallback(request, response);
      return;
    }
    const values = options.contextValues(request);
    serve().catch((error: unknown) => {
      const method = `${handler.service.typeName}/${handler.method.name}`;
      const call = notesIn(values)?.fields ?? { method };
      options.log.debug('an answer could not be sent', { ...call, error: String(error) });
    });
    async function serve(): Promise<void> {
      if (handler === undefined) return;
      const call = universalRequestFromNodeRequest(request, response, undefined, values);
      const answer = await handler(await bounded(call, handler.method, values));
      if (answer !== undefined) await universalResponseToNodeResponse(answer, response);
    }
  };
}
