/** Who makes a call: found out by `auth.ts`, carried to the handlers in Connect's context values. */
import { type ContextValues, createContextKey, type HandlerContext } from '@connectrpc/connect';

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
