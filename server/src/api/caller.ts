/**
 * Who makes a call: found out by `auth.ts`, carried to the handlers in Connect's context values.
 */
import {
  Code,
  type ContextValues,
  createContextKey,
  type HandlerContext,
} from '@connectrpc/connect';
import type { Access } from '../decide/access.js';
import type { Author } from '../decide/audit.js';
import { LimiError } from '../resource/error.js';
import { type CallNotes, notesIn } from './call-notes.js';

/** Who makes a call. */
export type Caller =
  /** A user with an API token. */
  | { readonly kind: 'user'; readonly tokenId: string; readonly name: string }
  /** A program with an API token of its service account; `name` is `<project>/<name>`. */
  | {
      readonly kind: 'service-account';
      readonly tokenId: string;
      readonly id: string;
      readonly name: string;
    }
  /** A node's agent with its certificate. */
  | { readonly kind: 'node'; readonly nodeId: string }
  /** The control plane itself. */
  | { readonly kind: 'system' }
  /** Nobody we know: a host that wants to join. */
  | { readonly kind: 'anonymous' };

/** May do nothing. */
export const noAccess: Access = { everywhere: new Set(), projects: new Map(), key: '' };

/** Who makes a call, and what they may do. */
export interface Call {
  readonly caller: Caller;
  /** As it was when the call began. */
  readonly access: Access;
  /** As it is when it is asked; a stream ends when that differs. */
  readonly accessNow: () => Access;
  /** What audit events tell of the call. */
  readonly author: Author;
}

const unknown: Call = {
  caller: { kind: 'anonymous' },
  access: noAccess,
  accessNow: () => noAccess,
  author: {
    actor: 'anonymous',
    method: '',
    permission: '',
    requestId: '',
    source: '',
    traceparent: '',
  },
};
const callKey = createContextKey<Call>(unknown, { description: 'who calls' });

/** Who makes the call of a handler's context. */
export const callerOf = (context: Pick<HandlerContext, 'values'>): Caller =>
  context.values.get(callKey).caller;

/** What who makes the call may do. */
export const callIn = (context: Pick<HandlerContext, 'values'>): Call =>
  context.values.get(callKey);

/** The context for a call: what its caller may do is what may be done. */
export const contextOf = <C extends { readonly access: Access }>(
  context: C,
  call: Pick<HandlerContext, 'values'>,
): C & Pick<Call, 'access' | 'author'> & { readonly notes: CallNotes | undefined } => {
  const { access, author } = callIn(call);
  return { ...context, access, author, notes: notesIn(call.values) };
};

/** Notes who makes a call. */
export function setCall(values: ContextValues, call: Call): void {
  values.set(callKey, call);
}

/** The caller as `created_by` and logs have it: `user:<name>`,
 * `service_account:<project>/<name>`, `node:<id>`, `system`. */
export function nameOfCaller(caller: Caller): string {
  if (caller.kind === 'user') return `user:${caller.name}`;
  if (caller.kind === 'service-account') return `service_account:${caller.name}`;
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
