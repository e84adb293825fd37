/**
 * Two projects, blue and red, with a resource of every type in each, and users with one built-in
 * role each in blue. Used by tests only.
 */
import { create } from '@bufbuild/protobuf';
import { RoleBindingService } from '@limiquantix/proto/identity/v1/role_binding_service_pb.js';
import { RoleService } from '@limiquantix/proto/identity/v1/role_service_pb.js';
import { OperationPhase } from '@limiquantix/proto/operations/v1/operation_pb.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { newHeader } from './header.js';
import type { TestInstallation } from './test-installation.js';
import { WritePlan } from './write-plan.js';

/** The built-in roles; each has a user of its name in blue. */
export const roles = ['viewer', 'operator', 'editor', 'admin'] as const;

/** What there is. */
export class AccessWorld {
  /** Tokens of users with a role in project blue, and of `nobody` with none. */
  readonly tokens = new Map<string, string>();
  /** The id of a resource by `<type> <project>`; a role is blue's. */
  readonly ids = new Map<string, string>();
  readonly #installation: TestInstallation;

  constructor(installation: TestInstallation) {
    this.#installation = installation;
  }

  /** A token of a user. */
  async tokenFor(name: string): Promise<string> {
    const member = { kind: 'user', name } as const;
    const { tokens } = this.#installation;
    const { token } = await tokens.createApiToken({ name, expiresInSeconds: 0, member });
    this.tokens.set(name, token);
    return token;
  }

  /** Gives a user a role in a project, or everywhere; returns the binding's id. */
  async bind(role: string, user: string, projectName?: string): Promise<string> {
    const filter = `name=${role}`;
    const { roles: found } = await this.#installation.client(RoleService).listRoles({ filter });
    const project = projectName === undefined ? {} : { projectName };
    const spec = { roleId: found[0]?.id ?? '', users: [user], ...project };
    const name = `${user}-${role}-${projectName ?? 'all'}`;
    const bindings = this.#installation.client(RoleBindingService);
    const { roleBinding } = await bindings.createRoleBinding({ roleBinding: { name, spec } });
    return roleBinding?.id ?? '';
  }

  /** Stores a resource as if it had been created, whatever its spec needs. */
  async put(type: ResourceType, project: string): Promise<void> {
    const { context } = this.#installation;
    const given: Record<string, unknown> = {
      name: type.type === 'project' ? project : `${type.type.replaceAll('_', '-')}-${project}`,
      projectId: project,
      ...this.#specFor(type.type, project),
    };
    const sources = { newId: context.newId, nowMs: context.nowMs(), createdBy: 'test' };
    const made = newHeader(type, create(type.message, given) as AnyResource, sources);
    const plan = new WritePlan();
    plan.create(type, made);
    const result = await context.store.commit(plan.transaction());
    if (!result.ok) throw new Error(`${type.type} of ${project} could not be stored`);
    this.ids.set(`${type.type} ${project}`, made.id);
  }

  #specFor(type: string, project: string): Record<string, unknown> {
    if (type === 'role_binding') return { spec: { projectName: project } };
    if (type === 'operation') return { spec: {}, status: { phase: OperationPhase.SUCCEEDED } };
    if (type !== 'api_token') return { spec: {} };
    const value = this.ids.get(`service_account ${project}`) ?? '';
    return { spec: { owner: { case: 'serviceAccountId', value } } };
  }
}

/** Makes all of it. */
export async function createAccessWorld(installation: TestInstallation): Promise<AccessWorld> {
  const world = new AccessWorld(installation);
  for (const name of ['blue', 'red']) await world.put(contractTypes.get('project'), name);
  await world.tokenFor('nobody');
  for (const role of roles) {
    await world.bind(role, role, 'blue');
    await world.tokenFor(role);
  }
  const { types } = contractTypes;
  // Accounts before the tokens that are of them.
  const isAccount = ({ type }: ResourceType) => Number(type === 'service_account');
  const sorted = [...types].sort((a, b) => isAccount(b) - isAccount(a));
  for (const type of sorted.filter(({ type: name }) => name !== 'project')) {
    await world.put(type, 'blue');
    if (type.type !== 'role') await world.put(type, 'red');
  }
  return world;
}
