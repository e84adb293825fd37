/**
 * What the methods of the services do, written down while they are registered on Connect's router:
 * both serve the same implementations behind the same interceptors.
 */
import type { DescMethod, Message } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';

/** A method of one request: it is answered once, or by a stream. */
export interface ServedMethod {
  readonly method: DescMethod;
  /** Goes through the interceptors to the implementation. */
  readonly run: (
    request: UnaryRequest | StreamRequest,
    context: HandlerContext,
  ) => Promise<UnaryResponse | StreamResponse>;
}

type Implementation = (request: Message, context: HandlerContext) => unknown;

/** What is registered on `router` is found by its path in the map as well. */
export function recordMethods(
  router: ConnectRouter,
  interceptors: readonly Interceptor[],
): { readonly recording: ConnectRouter; readonly methods: ReadonlyMap<string, ServedMethod> } {
  const methods = new Map<string, ServedMethod>();
  const note = (method: DescMethod, implementation: unknown): void => {
    const isServed = method.methodKind === 'unary' || method.methodKind === 'server_streaming';
    // What isn't implemented is refused by Connect's handler.
    if (!isServed || typeof implementation !== 'function') return;
    const path = `/${method.parent.typeName}/${method.name}`;
    methods.set(path, serve(method, implementation as Implementation, interceptors));
  };
  const recording: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      const bag = implementation as Record<string, unknown>;
      for (const method of service.methods) {
        const own = bag[method.localName];
        note(method, typeof own === 'function' ? own.bind(implementation) : undefined);
      }
      router.service(service, implementation, options);
      return recording;
    },
    rpc(method, implementation, options) {
      note(method, implementation);
      router.rpc(method, implementation, options);
      return recording;
    },
  };
  return { recording, methods };
}

/** A call's own context, which goes with its values through the interceptors. */
const contextKey = createContextKey<HandlerContext | undefined>(undefined);

function serve(
  method: DescMethod,
  implementation: Implementation,
  interceptors: readonly Interceptor[],
): ServedMethod {
  const service = method.parent;
  const last = async (request: UnaryRequest | StreamRequest) => {
    const context = request.contextValues.get(contextKey) as HandlerContext;
    const common = { service, method, header: noHeaders, trailer: noHeaders };
    const input = request.stream ? await onlyOne(request.message) : request.message;
    const answer = implementation(input, context);
    if (!request.stream) return { ...common, stream: false, message: await answer };
    return { ...common, stream: true, message: answer };
  };
  const first = interceptors.reduceRight(
    (next: ReturnType<Interceptor>, interceptor) => interceptor(next),
    last as ReturnType<Interceptor>,
  );
  return {
    method,
    run(request, context) {
      context.values.set(contextKey, context);
      return first(request);
    },
  };
}

/** Nobody here sets headers of an answer but those that the context has. */
const noHeaders = new Headers();

async function onlyOne(messages: AsyncIterable<Message>): Promise<Message> {
  for await (const message of messages) return message;
  throw new Error('a stream of one message has none');
}
