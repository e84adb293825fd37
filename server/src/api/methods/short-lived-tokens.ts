/**
 * Tokens that are good for a short time: issued for a run of Terraform or a script, renewed while
 * it goes on, and revoked at its end. Only the token that issued one may do so.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, type HandlerContext } from '@connectrpc/connect';
import { ApiTokenService } from '@limiquantix/proto/identity/v1/api_token_service_pb.js';
import type { Tokens } from '../../identity/tokens.js';
import { LimiError } from '../../resource/error.js';
import { callerOf } from '../caller.js';
import { type CustomMethod, reads } from './custom-method.js';

const methods = ApiTokenService.method;

/** The methods, served from the tokens. */
export function shortLivedTokenMethods(tokens: Tokens): readonly CustomMethod[] {
  return [
    reads(methods.issueShortLivedApiToken, async ({ request, call }) => {
      const { expiresInSeconds } = request;
      const issued = await tokens.issueShortLived({ issuerId: issuerOf(call), expiresInSeconds });
      const { id, token, expiresAtMs } = issued;
      return { id, token, expiresAt: timestampFromMs(expiresAtMs) };
    }),
    reads(methods.renewShortLivedApiToken, async ({ request: { id }, call }) => {
      const expiresAtMs = await tokens.renewShortLived({ id, issuerId: issuerOf(call) });
      return { expiresAt: timestampFromMs(expiresAtMs) };
    }),
    reads(methods.revokeShortLivedApiToken, async ({ request: { id }, call }) => {
      await tokens.revokeShortLived({ id, issuerId: issuerOf(call) });
      return {};
    }),
  ];
}

/** The token that the caller proves itself with. */
function issuerOf(call: Pick<HandlerContext, 'values'>): string {
  const caller = callerOf(call);
  if (caller.kind === 'user' || caller.kind === 'service-account') return caller.tokenId;
  throw new LimiError({
    code: Code.PermissionDenied,
    reason: 'PERMISSION_DENIED',
    message: 'short-lived tokens are issued to who has an API token',
  });
}
