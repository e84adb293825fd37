/**
 * Finds out who makes a call before anything of its request is read: nobody's bytes are decoded, or
 * kept for longer than that takes. What is refused here is told and counted like every other call.
 */
import { create, type DescMethod } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ContextValues,
  type Interceptor,
  type UnaryRequest,
} from '@connectrpc/connect';
import { type Auth, isOpen } from './auth.js';

/** Why a call isn't served; undefined where its request may be read. Never rejects. */
export type Gate = (method: DescMethod, values: ContextValues) => Promise<ConnectError | undefined>;

/** A chunk of an upload is 4 MiB, and there is something around it. */
const requestBytesMax = 6 * 1024 * 1024;
/** What comes from nobody we know is a join token and a certificate request. */
const openRequestBytesMax = 64 * 1024;

/** How long a message of a method's request may be. */
export const bytesMaxOf = (method: DescMethod): number =>
  isOpen(method) ? openRequestBytesMax : requestBytesMax;

/** Makes the gate; `around` are the interceptors before the one of `auth`. */
export function createGate(auth: Auth, around: readonly Interceptor[]): Gate {
  const chain = [...around, auth.interceptor].reduceRight(
    (next: ReturnType<Interceptor>, interceptor) => interceptor(next),
    () => Promise.reject(new ConnectError('who calls is known by now', Code.Unauthenticated)),
  );
  return async (method, values) => {
    try {
      await auth.identify(method, values);
      return undefined;
    } catch {
      // It comes again from the interceptor, and the others tell of it.
      return chain(withoutContent(method, values)).then(
        () => undefined,
        (error: unknown) => ConnectError.from(error),
      );
    }
  };
}

/** As much of a request as is known before it is read. */
function withoutContent(method: DescMethod, contextValues: ContextValues): UnaryRequest {
  return {
    stream: false,
    service: method.parent,
    method,
    message: create(method.input),
    requestMethod: 'POST',
    url: `https://server/${method.parent.typeName}/${method.name}`,
    signal: new AbortController().signal,
    header: new Headers(),
    contextValues,
  } as unknown as UnaryRequest;
}
