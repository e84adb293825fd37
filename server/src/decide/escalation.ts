/** That nobody gives more than they have: what a role, a binding or a token would give. Pure. */
import type { ApiToken } from '@limiquantix/proto/identity/v1/api_token_pb.js';
import type { RoleBinding } from '@limiquantix/proto/identity/v1/role_binding_pb.js';
import type { Role } from '@limiquantix/proto/identity/v1/role_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { type Access, accessOf, allows, isFull } from './access.js';
import { ownerOf } from './api-token.js';

/** A permission that is given and that the giver hasn't. */
export interface Excess {
  readonly permission: string;
  /** Where it is given; '' for everywhere. */
  readonly project: string;
  /** The path of the field that gives it. */
  readonly path: string;
}

/** The first permission that a resource gives and that whoever stores it doesn't have. */
export function excessOf(
  access: Access,
  { type, resource }: { readonly type: TypeName; readonly resource: AnyResource },
  lookup: Pick<Lookup, 'get' | 'list'>,
): Excess | undefined {
  if (isFull(access)) return undefined;
  if (type === 'role') {
    const permissions = (resource as unknown as Role).spec?.permissions ?? [];
    return firstMissing(access, { permissions, project: '', path: 'spec.permissions' });
  }
  if (type === 'role_binding') {
    const { spec } = resource as unknown as RoleBinding;
    const permissions = lookup.get<Role>('role', spec?.roleId ?? '')?.spec?.permissions ?? [];
    const project = spec?.projectName ?? '';
    return firstMissing(access, { permissions, project, path: 'spec.role_id' });
  }
  if (type !== 'api_token') return undefined;
  const member = ownerOf(resource as unknown as ApiToken);
  if (member === undefined) return undefined;
  const path = member.kind === 'user' ? 'spec.user' : 'spec.service_account_id';
  return excessOver(access, accessOf(member, lookup), path);
}

/** The first permission of `given` that `access` hasn't. */
export function excessOver(access: Access, given: Access, path: string): Excess | undefined {
  const own = [...given.projects].map(([project, permissions]) => ({ project, permissions }));
  for (const { project, permissions } of [{ project: '', permissions: given.everywhere }, ...own]) {
    const missing = firstMissing(access, { permissions, project, path });
    if (missing !== undefined) return missing;
  }
  return undefined;
}

function firstMissing(
  access: Access,
  given: { permissions: Iterable<string>; project: string; path: string },
): Excess | undefined {
  const { permissions, project, path } = given;
  for (const permission of permissions) {
    if (!allows(access, permission, project)) return { permission, project, path };
  }
  return undefined;
}
