/**
 * Whether somebody may do what they call for. Who may not read a resource gets the same answer as
 * for one that doesn't exist, and who may not create in a project the same as for a project that
 * doesn't exist.
 */
import { Code } from '@connectrpc/connect';
import {
  type Access,
  allows,
  allowsAnywhere,
  allowsFor,
  countsInProjects,
  mayRead,
} from '../decide/access.js';
import { excessOf } from '../decide/escalation.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { type ApiContext, notFound, type PlanContext } from './api-context.js';
import type { Target } from './targets.js';

/** A call that somebody makes. */
export interface AuthorizedCall {
  readonly access: Access;
  /** Who calls, for messages. */
  readonly name: string;
  readonly permission: string;
  readonly target: Target;
}

/** Throws NOT_FOUND or PERMISSION_DENIED for what the caller may not do. */
export function authorize(context: Pick<ApiContext, 'view'>, call: AuthorizedCall): void {
  const { access, permission, target } = call;
  const lookup = context.view;
  if (target.kind === 'self') return;
  if (target.kind === 'visible') {
    const { type } = target;
    if (countsInProjects(type) || (type.isShared && allowsAnywhere(access, permission))) return;
    if (!allows(access, permission, '')) throw denied(call, '');
  } else if (target.kind === 'new') {
    const { type, resource } = target;
    if (!allowsFor(access, permission, { type, resource, lookup })) throw deniedNew(call, target);
  } else if (target.kind === 'project') {
    if (!allows(access, permission, target.name)) throw deniedIn(call, target.name);
  } else if (target.kind === 'installation') {
    if (!allows(access, permission, '')) throw denied(call, '');
  } else {
    const { type, id } = target;
    const resource = type && lookup.get(type.type, id);
    if (type === undefined) throw notFound({ type: 'resource', label: 'resource' }, id);
    if (resource === undefined || !mayRead(access, { type, resource, lookup })) {
      throw notFound(type, id);
    }
    if (!allowsFor(access, permission, { type, resource, lookup })) {
      throw denied(call, ` to ${type.label} ${JSON.stringify(resource.name)}`);
    }
  }
}

/** Throws PERMISSION_DENIED where a role, a binding or a token gives more than its maker has. */
export function refuseEscalation(
  { access, view }: Pick<PlanContext, 'access' | 'view'>,
  type: ResourceType,
  resource: AnyResource,
): void {
  const excess = excessOf(access, { type: type.type, resource }, view);
  if (excess === undefined) return;
  const { permission, project, path } = excess;
  const where = project === '' ? 'in the whole installation' : `in project ${project}`;
  const message = `gives ${permission} ${where}, which you don't have; nobody can give more than they have`;
  throw new LimiError({
    code: Code.PermissionDenied,
    reason: 'ESCALATION',
    message: `${path} ${message}`,
    violations: [{ path, message }],
  });
}

function deniedNew(call: AuthorizedCall, { type, resource }: Target & { kind: 'new' }): LimiError {
  if (type.scope === 'project') return deniedIn(call, resource.projectId);
  return denied(call, '');
}

function denied({ name, permission }: AuthorizedCall, what: string): LimiError {
  return new LimiError({
    code: Code.PermissionDenied,
    reason: 'PERMISSION_DENIED',
    message: `${name} may not do ${permission}${what}; ask for a role that has this permission`,
  });
}

function deniedIn({ name, permission }: AuthorizedCall, project: string): LimiError {
  return new LimiError({
    code: Code.PermissionDenied,
    reason: 'PERMISSION_DENIED',
    message: `${name} may not do ${permission} in project ${JSON.stringify(project)}, or there is no such project; give another project, or ask for a role in it that has this permission`,
  });
}
