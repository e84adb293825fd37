/** What callers may ask about themselves, and how tokens get their secrets. */
import { Code } from '@connectrpc/connect';
import {
  type ApiToken,
  ApiTokenPhase,
  ApiTokenStatusSchema,
} from '@limiquantix/proto/identity/v1/api_token_pb.js';
import { ApiTokenService } from '@limiquantix/proto/identity/v1/api_token_service_pb.js';
import { RoleService } from '@limiquantix/proto/identity/v1/role_service_pb.js';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { allows } from '../../decide/access.js';
import { isExpired } from '../../decide/api-token.js';
import type { Tokens } from '../../identity/tokens.js';
import { LimiError } from '../../resource/error.js';
import { patched } from '../../resource/patched.js';
import { type ApiContext, commitPlan, mustFind } from '../api-context.js';
import { permissionOf } from '../auth.js';
import { refuseEscalation } from '../authorize.js';
import { WritePlan } from '../write-plan.js';
import { type CustomMethod, reads } from './custom-method.js';

/** The permissions that there are for users, from the contract. */
const permissionsOfContract = (): readonly string[] => {
  const methods = contractFiles.flatMap(({ services }) => services.flatMap((one) => one.methods));
  const all = new Set(methods.map(permissionOf).filter((one) => !one.startsWith('agent.')));
  return [...all].sort();
};

/** What makes tokens. */
export type TokenIssuer = Pick<Tokens, 'prepare'>;

/** The methods of identities. */
export function identityMethods(tokens: TokenIssuer): readonly CustomMethod[] {
  return [
    reads(RoleService.method.testPermissions, ({ context, request }) => {
      const asked = request.permissions.length > 0 ? request.permissions : permissionsOfContract();
      const { projectName } = request;
      return { permissions: asked.filter((one) => allows(context.access, one, projectName)) };
    }),
    reads(ApiTokenService.method.issueApiToken, ({ context, request }) =>
      issue(context, tokens, request.id),
    ),
  ];
}

/** Gives a token resource a new secret; the old one ceases to be good with the same commit. */
async function issue(
  context: ApiContext,
  tokens: TokenIssuer,
  id: string,
): Promise<{ readonly token: string }> {
  const type = context.types.get('api_token');
  const { outcome } = await commitPlan(context, () => {
    const resource = mustFind(context, type, id) as ApiToken;
    if (resource.deletionRequestedAt !== undefined) throw over(resource, 'is being deleted');
    if (isExpired(resource, context.nowMs())) throw over(resource, 'has expired');
    refuseEscalation(context, type, resource);
    const { token, write } = tokens.prepare(resource);
    const issued = { issued: true, phase: ApiTokenPhase.READY };
    const status = patched(ApiTokenStatusSchema, resource.status, issued);
    const plan = new WritePlan();
    plan.update(type, { ...resource, status }, resource);
    plan.write(write);
    return { plan, token };
  });
  return { token: outcome.token };
}

const over = ({ name }: ApiToken, why: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'TOKEN_OVER',
    message: `api token ${JSON.stringify(name)} ${why}; create another one`,
  });
