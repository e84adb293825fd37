/**
 * Who makes a call: found out by `auth.ts`, carried to the handlers in Connect's context values.
 */
import {
  Code,
  type ContextValues,
  createContextKey,
  type HandlerContext,
} from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** Who makes a call. */
export type Caller =
  /** A user with an API token. */
  | { readonly kind: 'user'; readonly tokenId: string; readonly name: string }
  /** A node's agent with its certificate. */
  | { readonly kind: 'node'; readonly nodeId: string }
  /** The control plane itself. */
  | { readonly kind: 'system' }
  /** Nobody we know: a host that wants to join. */
  | { readonly kind: 'anonymous' };

const anonymous: Caller = { kind: 'anonymous' };
const callerKey = createContextKey<Caller>(anonymous, { description: 'who calls' });

/** Who makes the call of a handler's context. */
export const callerOf = (context: Pick<HandlerContext, 'values'>): Caller =>
  context.values.get(callerKey);

/** Notes who makes a call. */
export function setCaller(values: ContextValues, caller: Caller): void {
  values.set(callerKey, caller);
}

/** The caller as `created_by` and logs have it: `user:<token's name>`, `node:<id>`, `system`. */
export function nameOfCaller(caller: Caller): string {
  if (caller.kind === 'user') return `user:${caller.name}`;
  if (caller.kind === 'node') return `node:${caller.nodeId}`;
  return caller.kind;
}

/** The node that the caller is. Throws UNAUTHENTICATED where its client certificate proves none. */
export function nodeOf(context: Pick<HandlerContext, 'values'>): string {
  const caller = callerOf(context);
  if (caller.kind === 'node') return caller.nodeId;
  throw new LimiError({
    code: Code.Unauthenticated,
    reason: 'CERTIFICATE_MISSING',
    message: "the call has no agent's client certificate; join the host with a join token",
  });
}
