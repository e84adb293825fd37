/**
 * The token service: makes, lists and revokes tokens. Secrets are shown once, in the answer that
 * made them.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import {
  ListTokensResponseSchema,
  TokenKind,
  TokenSchema,
  TokenService,
} from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { isFull } from '../decide/access.js';
import type { TokenRecord, Tokens } from '../identity/tokens.js';
import { LimiError } from '../resource/error.js';
import { callIn } from './caller.js';
import type { Validate } from './validation.js';

/** Registers the service. */
export function registerTokens(router: ConnectRouter, tokens: Tokens, validate: Validate): void {
  const { issueUserToken, createJoinToken, listTokens, revokeToken } = TokenService.method;
  router.service(TokenService, {
    issueUserToken: (request, call) => {
      validate(issueUserToken.input, request);
      if (!isFull(callIn(call).access)) throw escalation();
      return tokens.createApiToken({
        name: request.name,
        expiresInSeconds: Number(request.expiresInSeconds),
      });
    },
    createJoinToken: (request) => {
      validate(createJoinToken.input, request);
      return tokens.createJoinToken({
        nodeName: request.nodeName,
        expiresInSeconds: Number(request.expiresInSeconds),
        uses: request.uses,
      });
    },
    listTokens: async (request) => {
      validate(listTokens.input, request);
      const records = await tokens.list();
      return create(ListTokensResponseSchema, { tokens: records.map(toMessage) });
    },
    revokeToken: async (request) => {
      validate(revokeToken.input, request);
      await tokens.revoke(request.id);
      return {};
    },
  });
}

const escalation = (): LimiError =>
  new LimiError({
    code: Code.PermissionDenied,
    reason: 'ESCALATION',
    message:
      'such a token may do everything, which you may not; create an API token of a service account instead',
  });

function toMessage({ id, name, kind, createdAtMs, expiresAtMs }: TokenRecord) {
  return create(TokenSchema, {
    id,
    name,
    kind: kind === 'api' ? TokenKind.API : TokenKind.JOIN,
    createdAt: timestampFromMs(createdAtMs),
    ...(expiresAtMs !== undefined && { expiresAt: timestampFromMs(expiresAtMs) }),
  });
}
