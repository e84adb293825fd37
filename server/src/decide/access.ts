/**
 * What somebody may do: the permissions that their roles give them, everywhere or in single
 * projects, and where a resource counts. Pure; who calls is found out elsewhere.
 */
import type { ApiToken } from '@limiquantix/proto/identity/v1/api_token_pb.js';
import type { RoleBinding } from '@limiquantix/proto/identity/v1/role_binding_pb.js';
import type { Role } from '@limiquantix/proto/identity/v1/role_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';

/** Permissions as `<type>.<verb>`, either of them `*` for all. */
export type Permissions = ReadonlySet<string>;

/** What somebody may do. */
export interface Access {
  /** In all projects and for what belongs to none. */
  readonly everywhere: Permissions;
  /** Beside those, by the project's name. */
  readonly projects: ReadonlyMap<string, Permissions>;
  /** Equal for equal access. */
  readonly key: string;
}

/** Whom role bindings name: a user, or a service account. */
export type Member =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'service-account'; readonly id: string };

const everything = '*.*';

/** May do everything. */
export const fullAccess: Access = {
  everywhere: new Set([everything]),
  projects: new Map(),
  key: everything,
};

/** Whether somebody may do everything everywhere. */
export const isFull = ({ everywhere }: Access): boolean => everywhere.has(everything);

/** What a member's role bindings give; a binding that is going gives nothing any more. */
export function accessOf(member: Member, lookup: Pick<Lookup, 'get' | 'list'>): Access {
  const everywhere = new Set<string>();
  const projects = new Map<string, Set<string>>();
  for (const { spec, deletionRequestedAt } of lookup.list<RoleBinding>('role_binding')) {
    if (spec === undefined || deletionRequestedAt !== undefined) continue;
    const isMember =
      member.kind === 'user'
        ? spec.users.includes(member.name)
        : spec.serviceAccountIds.includes(member.id);
    if (!isMember) continue;
    const role = lookup.get<Role>('role', spec.roleId);
    const project = spec.projectName ?? '';
    const into = project === '' ? everywhere : (projects.get(project) ?? new Set<string>());
    for (const permission of role?.spec?.permissions ?? []) into.add(permission);
    if (project !== '') projects.set(project, into);
  }
  return { everywhere, projects, key: keyOf(everywhere, projects) };
}

/** Whether a permission holds in a project; '' stands for the installation and no project. */
export function allows(access: Access, permission: string, project: string): boolean {
  if (includes(access.everywhere, permission)) return true;
  const own = project === '' ? undefined : access.projects.get(project);
  return own !== undefined && includes(own, permission);
}

/** Whether a permission holds in any project. */
export function allowsAnywhere(access: Access, permission: string): boolean {
  if (includes(access.everywhere, permission)) return true;
  return [...access.projects.values()].some((own) => includes(own, permission));
}

/** Whether a permission holds for a resource, such as `vm.start` for a machine. */
export function allowsFor(
  access: Access,
  permission: string,
  { type, resource, lookup }: Subject,
): boolean {
  if (isFull(access)) return true;
  const isReading = /[.](get|list)$/.test(permission);
  if (isReading && type.isShared) return allowsAnywhere(access, permission);
  // What a project may take is not its own members' to say.
  if (!isReading && type.type === 'project') return allows(access, permission, '');
  return allows(access, permission, projectOf(type.type, resource, lookup));
}

/** A resource that somebody wants to do something with. */
export interface Subject {
  readonly type: ResourceType;
  readonly resource: AnyResource;
  readonly lookup: Pick<Lookup, 'get'>;
}

/** Whether resources of a type count in projects, so that each reader sees those of some. */
export const countsInProjects = ({ type, scope }: ResourceType): boolean =>
  scope === 'project' || ['project', 'role_binding', 'api_token'].includes(type);

/** Whether somebody may read a resource; who may not can't tell it from one that doesn't exist. */
export const mayRead = (access: Access, subject: Subject): boolean =>
  allowsFor(access, `${subject.type.type}.get`, subject);

/**
 * The project whose roles count for a resource; '' for the installation's. A project counts in
 * itself, a role binding where it holds, a service account's token where the account is.
 */
export function projectOf(
  type: TypeName,
  resource: AnyResource,
  lookup: Pick<Lookup, 'get'>,
): string {
  if (type === 'project') return resource.name;
  if (type === 'role_binding') return (resource as unknown as RoleBinding).spec?.projectName ?? '';
  if (type !== 'api_token') return resource.projectId;
  const { spec } = resource as unknown as ApiToken;
  if (spec?.owner.case !== 'serviceAccountId') return '';
  return lookup.get<AnyResource>('service_account', spec.owner.value)?.projectId ?? '';
}

/**
 * Whether a set has a permission. It may be a pattern itself: then the set must have all that the
 * pattern stands for.
 */
function includes(set: Permissions, permission: string): boolean {
  if (set.size === 0) return false;
  if (set.has(permission) || set.has(everything)) return true;
  const [type, verb] = permission.split('.');
  return set.has(`${type}.*`) || set.has(`*.${verb}`);
}

function keyOf(everywhere: Permissions, projects: ReadonlyMap<string, Permissions>): string {
  const own = [...projects].map(([project, set]) => [project, [...set].sort()] as const);
  own.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([[...everywhere].sort(), own]);
}
