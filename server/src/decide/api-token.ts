/** Whose an API token is, and whether its time is over. Pure. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ApiToken } from '@limiquantix/proto/identity/v1/api_token_pb.js';
import type { Member } from './access.js';

/** Whose a token is; undefined for nobody's. */
export function ownerOf({ spec }: Pick<ApiToken, 'spec'>): Member | undefined {
  const { case: kind, value } = spec?.owner ?? { case: undefined };
  if (kind === undefined || value === undefined) return undefined;
  return kind === 'user' ? { kind, name: value } : { kind: 'service-account', id: value };
}

/** Whether a token's time is over. */
export function isExpired({ spec }: Pick<ApiToken, 'spec'>, nowMs: number): boolean {
  return spec?.expiresAt !== undefined && timestampMs(spec.expiresAt) <= nowMs;
}
