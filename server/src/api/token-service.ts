/**
 * The token service: makes, lists and revokes tokens. Secrets are shown once, in the answer that
 * made them.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ConnectRouter } from '@connectrpc/connect';
import {
  ListTokensResponseSchema,
  TokenKind,
  TokenSchema,
  TokenService,
} from '@limiquantix/proto/identity/v1/token_service_pb.js';
import type { TokenRecord, Tokens } from '../identity/tokens.js';
import type { Validate } from './validation.js';

/** Registers the service. */
export function registerTokens(router: ConnectRouter, tokens: Tokens, validate: Validate): void {
  const { issueUserToken, createJoinToken, listTokens, revokeToken } = TokenService.method;
  router.service(TokenService, {
    issueUserToken: (request) => {
      validate(issueUserToken.input, request);
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

function toMessage({ id, name, kind, createdAtMs, expiresAtMs }: TokenRecord) {
  return create(TokenSchema, {
    id,
    name,
    kind: kind === 'api' ? TokenKind.API : TokenKind.JOIN,
    createdAt: timestampFromMs(createdAtMs),
    ...(expiresAtMs !== undefined && { expiresAt: timestampFromMs(expiresAtMs) }),
  });
}
