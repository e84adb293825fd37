/**
 * What is always there: the built-in roles and the project `default`. Made at the first start, and
 * brought to what this version has at each.
 */
import { create } from '@bufbuild/protobuf';
import { ProjectSchema } from '@limiquantix/proto/identity/v1/project_pb.js';
import { RoleSchema } from '@limiquantix/proto/identity/v1/role_pb.js';
import { builtInRoles } from '../decide/built-in-roles.js';
import { intentChanges } from '../resource/changes.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { type ApiContext, commitPlan } from './api-context.js';
import { nameOfCaller } from './caller.js';
import { changedHeader, defaultProject, newHeader } from './header.js';
import { WritePlan } from './write-plan.js';

/** Makes or renews what is always there; idempotent. */
export async function ensureBuiltIns(context: ApiContext): Promise<void> {
  const { revision } = await commitPlan(context, () => {
    const plan = new WritePlan();
    for (const { name, description, permissions } of builtInRoles(context.types.types)) {
      const spec = { permissions: [...permissions] };
      const status = { builtIn: true };
      const role = create(RoleSchema, { name, description, spec, status, protected: true });
      ensure(context, plan, { type: 'role', wanted: role });
    }
    const project = create(ProjectSchema, {
      name: defaultProject,
      description: 'What belongs to no other project.',
      protected: true,
      spec: {},
    });
    if (find(context, 'project', defaultProject) === undefined) {
      ensure(context, plan, { type: 'project', wanted: project });
    }
    return { plan: plan.transaction().writes.length === 0 ? undefined : plan };
  });
  if (revision !== undefined) await context.view.settled(revision);
}

function ensure(
  context: ApiContext,
  plan: WritePlan,
  { type: typeName, wanted }: { readonly type: TypeName; readonly wanted: AnyResource },
): void {
  const type = context.types.get(typeName);
  const sources = { newId: context.newId, nowMs: context.nowMs() };
  const known = find(context, typeName, wanted.name);
  if (known === undefined) {
    const createdBy = nameOfCaller({ kind: 'system' });
    plan.create(type, newHeader(type, wanted, { ...sources, createdBy }));
    return;
  }
  const next = { ...known, spec: wanted.spec, protected: true };
  const changes = intentChanges(type, known, next);
  if (changes.length > 0) plan.update(type, changedHeader(next, changes, sources), known);
}

const find = ({ view }: ApiContext, type: TypeName, name: string): AnyResource | undefined =>
  view.findByName({ type, projectId: '', name });
