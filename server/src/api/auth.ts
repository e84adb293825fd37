/**
 * Who calls, and whether they may: an API token in the `Authorization` header, or an agent's client
 * certificate. What a method needs is in its `permission` option, what it is about in its request;
 * there is no table of methods.
 */
import { type DescMethod, getOption, type Message } from '@bufbuild/protobuf';
import {
  Code,
  type ContextValues,
  createContextKey,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from '@connectrpc/connect';
import type { ApiToken } from '@limiquantix/proto/identity/v1/api_token_pb.js';
import type { ServiceAccount } from '@limiquantix/proto/identity/v1/service_account_pb.js';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { InventoryService } from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import { method as methodOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { type Access, fullAccess, isFull, type Member } from '../decide/access.js';
import { isExpired, ownerOf } from '../decide/api-token.js';
import type { AuditSubject, Author } from '../decide/audit.js';
import type { TokenRecord, Tokens } from '../identity/tokens.js';
import type { Log } from '../log.js';
import { LimiError } from '../resource/error.js';
import { AccessBook } from './access-book.js';
import { type ApiContext, freshen } from './api-context.js';
import type { AuditLog } from './audit.js';
import { authorize } from './authorize.js';
import { notesIn } from './call-notes.js';
import { type Caller, nameOfCaller, noAccess, setCall } from './caller.js';
import { connectionOf } from './connection.js';
import { createTargets, type Target } from './targets.js';
import { TokenUse } from './token-use.js';

/** What the interceptor works with. */
export interface AuthOptions {
  readonly tokens: Tokens;
  readonly context: ApiContext;
  readonly log: Log;
  /** Records what is refused, and what is written beside the resources. */
  readonly audit: AuditLog;
}

/** The one permission that needs no identity: its request carries a join token. */
const openPermission = 'agent.register';
/** What agents may do, and users may not. */
const agentPrefix = 'agent.';

/** Who calls, and whether they may. */
export interface Auth {
  /**
   * Finds out who makes a call, which is done once for each. Needs nothing of the request; throws
   * UNAUTHENTICATED for nobody we know, PERMISSION_DENIED for an agent's method to a user.
   */
  readonly identify: (method: DescMethod, values: ContextValues) => Promise<unknown>;
  /** Refuses what the caller may not do, and tells handlers who it is. */
  readonly interceptor: Interceptor;
}

/** Makes it. */
export function createAuth(options: AuthOptions): Auth {
  const parts = {
    ...options,
    book: new AccessBook(options.context.view),
    use: new TokenUse(options.context, options.log),
  };
  const identify = (method: DescMethod, values: ContextValues): Promise<Identity> => {
    const known = values.get(identityKey) ?? identified(parts, method, values);
    values.set(identityKey, known);
    return known;
  };
  return { identify, interceptor: authInterceptor(options, identify) };
}

/** Whether a method is for everybody. */
export const isOpen = (method: DescMethod): boolean => permissionOf(method) === openPermission;

/** Who makes a call, once somebody has asked. */
const identityKey = createContextKey<Promise<Identity> | undefined>(undefined, {
  description: 'identity',
});

async function identified(
  parts: Parts,
  method: DescMethod,
  values: ContextValues,
): Promise<Identity> {
  const permission = permissionOf(method);
  const { authorization, nodeId } = connectionOf({ values });
  const found = await identify(parts, { authorization, nodeId, isOpen: isOpen(method) });
  refuseOtherKind(found.caller, permission);
  return found;
}

function authInterceptor(
  { context, audit }: AuthOptions,
  identityOfCall: (method: DescMethod, values: ContextValues) => Promise<Identity>,
): Interceptor {
  const targets = createTargets(context.types);
  return (next) => async (request) => {
    const { method, contextValues } = request;
    const permission = permissionOf(method);
    const { caller, accessNow } = await identityOfCall(method, contextValues);
    const access = accessNow();
    const author = authorOf(request, { permission, actor: nameOfCaller(caller) });
    setCall(contextValues, { caller, access, accessNow, author });
    const notes = notesIn(contextValues);
    if (notes !== undefined) notes.actor = author.actor;
    if (permission.startsWith(agentPrefix)) return next(request);
    if (isFull(access)) return recorded(await next(request));
    const check = (message: Message): void => {
      const target = targets(method)(message);
      try {
        authorize(context, { access, name: author.actor, permission, target });
      } catch (error) {
        if (error instanceof LimiError)
          audit.record(author, error.code, subjectIn(context, target));
        throw error;
      }
    };
    // What is beside the resources has no transaction with an event in it.
    function recorded<T>(answer: T): T {
      if (isBesideResources(method) && !isReading(permission)) audit.record(author, undefined);
      return answer;
    }
    if (request.stream) return next({ ...request, message: checked(request.message, check) });
    check(request.message);
    return recorded(await next(request));
  };
}

const isBesideResources = ({ parent }: DescMethod): boolean =>
  parent.typeName === TokenService.typeName || parent.typeName === InventoryService.typeName;

const isReading = (permission: string): boolean => /[.](get|list)$/.test(permission);

/** What audit events tell of a call. */
function authorOf(
  { contextValues, message, method }: UnaryRequest | StreamRequest,
  { permission, actor }: Pick<Author, 'permission' | 'actor'>,
): Author {
  const { requestId = '' } = message as { requestId?: string };
  const { address: source } = connectionOf({ values: contextValues });
  const { traceparent = '' } = notesIn(contextValues) ?? {};
  return { actor, method: method.name, permission, requestId, source, traceparent };
}

/** The resource that a refused call is about, as far as there is one. */
function subjectIn({ view }: ApiContext, target: Target): AuditSubject | undefined {
  if (target.kind !== 'resource' || target.type === undefined) return undefined;
  const { type, id } = target;
  const resource = view.get(type.type, id);
  return resource && { type, resource, previous: undefined };
}

async function* checked(
  messages: AsyncIterable<Message>,
  check: (message: Message) => void,
): AsyncGenerator<Message> {
  for await (const message of messages) {
    check(message);
    yield message;
  }
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

interface Parts extends AuthOptions {
  readonly book: AccessBook;
  readonly use: TokenUse;
}

/** Who calls, and what they may do at the moment it is asked. */
interface Identity {
  readonly caller: Caller;
  readonly accessNow: () => Access;
}

async function identify(
  parts: Parts,
  given: { authorization: string | undefined; nodeId: string | undefined; isOpen: boolean },
): Promise<Identity> {
  if (given.isOpen) return { caller: { kind: 'anonymous' }, accessNow: () => noAccess };
  if (given.authorization !== undefined) {
    const record = await parts.tokens.verifyApiToken(bearerOf(given.authorization));
    return identityOf(parts, record);
  }
  if (given.nodeId !== undefined) {
    return { caller: { kind: 'node', nodeId: given.nodeId }, accessNow: () => noAccess };
  }
  throw unauthenticated(
    'TOKEN_MISSING',
    'the call has no API token; send it as "Authorization: Bearer lqx_...", or set it in the profile or LIMIQUANTIX_TOKEN',
  );
}

/** A token that is nobody's in particular is an administrator's. */
async function identityOf(parts: Parts, record: TokenRecord): Promise<Identity> {
  const { context, tokens, book, use } = parts;
  const { id: tokenId, name, resourceId } = record;
  if (record.member === undefined && resourceId === undefined) {
    const accessNow = (): Access => (tokens.isOver(record) ? noAccess : fullAccess);
    return { caller: { kind: 'user', tokenId, name }, accessNow };
  }
  await freshen(context);
  const holder = holderOf(context, record);
  if (typeof holder === 'string') throw refusals[holder];
  if (holder.token !== undefined) use.note(holder.token);
  const accessNow = (): Access => {
    const now = tokens.isOver(record) ? 'unknown' : holderOf(context, record);
    return typeof now === 'string' ? noAccess : book.of(now.member);
  };
  const { member } = holder;
  if (member.kind === 'user') {
    return { caller: { kind: 'user', tokenId, name: member.name }, accessNow };
  }
  const account = context.view.get('service_account', member.id);
  const full = `${account?.projectId}/${account?.name}`;
  return { caller: { kind: 'service-account', tokenId, id: member.id, name: full }, accessNow };
}

interface Holder {
  readonly member: Member;
  /** The resource that the token is the secret of, if any. */
  readonly token: ApiToken | undefined;
}

/** Whose a token is by now, or why it is no longer good. */
function holderOf(
  { view, nowMs }: ApiContext,
  { member: given, resourceId }: TokenRecord,
): Holder | keyof typeof refusals {
  const token = resourceId === undefined ? undefined : view.get<ApiToken>('api_token', resourceId);
  if (resourceId !== undefined) {
    if (token === undefined || token.deletionRequestedAt !== undefined) return 'unknown';
    if (isExpired(token, nowMs())) return 'expired';
    if (token.spec?.enabled === false) return 'disabled';
  }
  const member = given ?? (token && ownerOf(token));
  if (member === undefined) return 'unknown';
  if (member.kind === 'user') return { member, token };
  const account = view.get<ServiceAccount>('service_account', member.id);
  if (account === undefined || account.deletionRequestedAt !== undefined) return 'accountDisabled';
  return account.spec?.enabled === false ? 'accountDisabled' : { member, token };
}

function bearerOf(authorization: string): string {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw unauthenticated(
    'TOKEN_MALFORMED',
    'the Authorization header isn\'t "Bearer <token>"; send the API token as it was shown, lqx_...',
  );
}

/** Agents do what is for agents, and nothing else; users do the rest. */
function refuseOtherKind(caller: Caller, permission: string): void {
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

/** Why a token is no longer good. */
const refusals = {
  unknown: unauthenticated(
    'TOKEN_UNKNOWN',
    'the API token is unknown or was revoked; issue a new one and put it into the profile',
  ),
  expired: unauthenticated(
    'TOKEN_EXPIRED',
    'the API token has expired; create and issue a new one',
  ),
  disabled: unauthenticated(
    'TOKEN_DISABLED',
    'the API token is disabled; set its field enabled to true, or use another one',
  ),
  accountDisabled: unauthenticated(
    'ACCOUNT_DISABLED',
    'the service account of this API token is disabled or gone; use the token of another one',
  ),
};
