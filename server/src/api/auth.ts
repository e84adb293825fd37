/**
 * Who calls, and whether they may: an API token in the `Authorization` header, or an agent's client
 * certificate. What a method needs is in its `permission` option; there is no table of methods.
 */
import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { Code, type ContextValues, createContextKey, type Interceptor } from '@connectrpc/connect';
import { method as methodOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { Tokens } from '../identity/tokens.js';
import { LimiError } from '../resource/error.js';
import { type Caller, setCaller } from './caller.js';

/** The node that the connection's client certificate is of; undefined without a valid one. */
const peerKey = createContextKey<string | undefined>(undefined, { description: 'peer node' });

/** Notes whose certificate a connection has, before the interceptors run. */
export function setPeerNode(values: ContextValues, nodeId: string | undefined): void {
  values.set(peerKey, nodeId);
}

/** The one permission that needs no identity: its request carries a join token. */
const openPermission = 'agent.register';
/** What agents may do, and users may not. */
const agentPrefix = 'agent.';

/** Finds out who calls and refuses what they may not do. */
export function authInterceptor(tokens: Tokens): Interceptor {
  return (next) => async (request) => {
    const permission = permissionOf(request.method);
    const caller = await identify(tokens, {
      authorization: request.header.get('authorization'),
      nodeId: request.contextValues.get(peerKey),
      isOpen: permission === openPermission,
    });
    authorize(caller, permission);
    setCaller(request.contextValues, caller);
    return next(request);
  };
}

const permissions = new WeakMap<DescMethod, string>();

/** The permission that a method needs. Throws where the contract names none: nobody may call it. */
export function permissionOf(method: DescMethod): string {
  let permission = permissions.get(method);
  if (permission === undefined) {
    permission = getOption(method, methodOption).permission;
    permissions.set(method, permission);
  }
  if (permission !== '') return permission;
  throw new LimiError({
    code: Code.PermissionDenied,
    reason: 'PERMISSION_UNDEFINED',
    message: `the contract names no permission for ${method.name}, so nobody may call it`,
  });
}

async function identify(
  tokens: Tokens,
  given: { authorization: string | null; nodeId: string | undefined; isOpen: boolean },
): Promise<Caller> {
  if (given.isOpen) return { kind: 'anonymous' };
  if (given.authorization !== null) {
    const { id, name } = await tokens.verifyApiToken(bearerOf(given.authorization));
    return { kind: 'user', tokenId: id, name };
  }
  if (given.nodeId !== undefined) return { kind: 'node', nodeId: given.nodeId };
  throw unauthenticated(
    'TOKEN_MISSING',
    'the call has no API token; send it as "Authorization: Bearer lqx_...", or set it in the profile or LIMIQUANTIX_TOKEN',
  );
}

function bearerOf(authorization: string): string {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw unauthenticated(
    'TOKEN_MALFORMED',
    'the Authorization header isn\'t "Bearer <token>"; send the API token as it was shown, lqx_...',
  );
}

function authorize(caller: Caller, permission: string): void {
  const isAgents = permission.startsWith(agentPrefix);
  if (permission === openPermission) return;
  if (caller.kind === 'node' ? isAgents : !isAgents) return;
  throw new LimiError({
    code: Code.PermissionDenied,
    reason: 'PERMISSION_DENIED',
    message: isAgents
      ? `${permission} is for agents with a client certificate; join the host with a join token`
      : `an agent may not do ${permission}; use an API token`,
  });
}

const unauthenticated = (reason: string, message: string): LimiError =>
  new LimiError({ code: Code.Unauthenticated, reason, message });
