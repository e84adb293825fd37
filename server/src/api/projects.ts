/**
 * Projects as what resources belong to: one must exist for something to be created in it, and be
 * empty to go or to get another name. Read from the view; the commit's requirements hold it.
 */
import { Code } from '@connectrpc/connect';
import type { Policy } from '@limiquantix/proto/identity/v1/policy_pb.js';
import type { RoleBinding } from '@limiquantix/proto/identity/v1/role_binding_pb.js';
import { LimiError } from '../resource/error.js';
import { deletionKey, namePrefix, recordKey } from '../resource/keys.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { PlanContext } from './api-context.js';
import { invalidFields } from './validation.js';
import type { WritePlan } from './write-plan.js';

const shownMax = 10;

/** Throws where a project that a resource names doesn't exist; the plan requires that it stays. */
export function requireProjects(
  { view }: PlanContext,
  plan: WritePlan,
  { type, resource }: { readonly type: ResourceType; readonly resource: AnyResource },
): void {
  for (const [path, name] of projectsIn(type, resource)) {
    const project = view.findByName({ type: 'project', projectId: '', name });
    if (project === undefined || project.deletionRequestedAt !== undefined) {
      const state = project === undefined ? "doesn't exist" : 'is being deleted';
      const message = `names project ${JSON.stringify(name)}, which ${state}; create it first, or give another`;
      throw invalidFields([{ path, message }], 'PROJECT_NOT_FOUND');
    }
    plan.require({ kind: 'exists', key: recordKey('project', project.id) });
    plan.require({ kind: 'absent', key: deletionKey(project.id) });
  }
}

/** Throws where something is in a project or is for it; the plan requires that it stays empty. */
export function requireEmpty(context: PlanContext, plan: WritePlan, project: AnyResource): void {
  const { types, view } = context;
  const { name } = project;
  const inProjects = types.types.filter(
    ({ scope, methods }) => scope === 'project' && methods.write,
  );
  const found = inProjects.flatMap((type) =>
    view
      .list(type.type)
      .filter((one) => one.projectId === name)
      .map((one) => `${type.label} ${JSON.stringify(one.name)}`),
  );
  for (const typeName of ['role_binding', 'policy']) {
    const type = types.get(typeName);
    const named = view
      .list(typeName)
      .filter((one) => projectsIn(type, one).some(([, of]) => of === name));
    found.push(...named.map((one) => `${type.label} ${JSON.stringify(one.name)}`));
  }
  if (found.length > 0) throw notEmpty(project, found);
  for (const { type } of inProjects) {
    plan.require({ kind: 'empty', prefix: namePrefix({ type, projectId: name }) });
  }
}

/** The projects that a resource names, each with its field's path. */
function projectsIn(type: ResourceType, resource: AnyResource): [path: string, name: string][] {
  if (type.type === 'role_binding') {
    const { projectName } = (resource as unknown as RoleBinding).spec ?? {};
    return projectName === undefined ? [] : [['spec.project_name', projectName]];
  }
  if (type.type === 'policy') {
    const { projectNames = [] } = (resource as unknown as Policy).spec ?? {};
    return projectNames.map((name, i) => [`spec.project_names[${i}]`, name]);
  }
  return type.scope === 'project' ? [['project_id', resource.projectId]] : [];
}

function notEmpty({ name }: AnyResource, found: readonly string[]): LimiError {
  const shown = found.slice(0, shownMax).join(', ');
  const more = found.length > shownMax ? ` and ${found.length - shownMax} more` : '';
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'PROJECT_NOT_EMPTY',
    message: `project ${JSON.stringify(name)} has ${shown}${more}; remove those first`,
  });
}
