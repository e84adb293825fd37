/** What may not change of what is always there: built-in roles, and the project `default`. Pure. */
import { Code } from '@connectrpc/connect';
import type { Project } from '@limiquantix/proto/identity/v1/project_pb.js';
import type { Role } from '@limiquantix/proto/identity/v1/role_pb.js';
import { LimiError } from '../resource/error.js';
import type { AdmissionInput, AdmissionResult } from './admission.js';

/** Admits a role: a built-in one stays as it is. */
export function admitRole({ next, previous }: AdmissionInput<Role>): AdmissionResult<Role> {
  if (previous?.status?.builtIn === true) {
    const what = `role ${JSON.stringify(previous.name)} comes with LimiQuantix and can't be changed`;
    throw builtIn(`${what}; create another role`);
  }
  return { resource: next, children: [], claims: [], releases: [] };
}

/** Admits a project: `default` keeps its name and its protection. */
export function admitProject(input: AdmissionInput<Project>): AdmissionResult<Project> {
  const { next, previous } = input;
  if (previous?.name === 'default' && (next.name !== 'default' || !next.protected)) {
    throw builtIn('project "default" is always there: it keeps its name and its protection');
  }
  return { resource: next, children: [], claims: [], releases: [] };
}

const builtIn = (message: string): LimiError =>
  new LimiError({ code: Code.FailedPrecondition, reason: 'BUILT_IN', message });
