/**
 * Checks that what a resource refers to exists, is of the right type, may be used from its project,
 * and stays. Reads the view; the commit's requirements make sure that it still holds then.
 */
import { Code } from '@connectrpc/connect';
import { type Access, isFull, mayRead } from '../decide/access.js';
import { type FieldViolation, LimiError } from '../resource/error.js';
import type { Lookup } from '../resource/lookup.js';
import { type Reference, specReferences } from '../resource/references.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';
import { invalidFields } from './validation.js';

/** Throws where a reference of `resource` that `previous` doesn't have can't be followed. */
export function checkReferences(options: {
  readonly types: TypeRegistry;
  readonly lookup: Lookup;
  readonly type: ResourceType;
  readonly resource: AnyResource;
  readonly previous: AnyResource | undefined;
  /** What the caller may do: what they may not read doesn't exist for them. */
  readonly access: Access;
}): void {
  const { type, resource, previous, access, lookup } = options;
  const known = new Set(
    previous === undefined ? [] : specReferences(type, previous).map(({ id }) => id),
  );
  const missing: FieldViolation[] = [];
  const leaving: FieldViolation[] = [];
  for (const reference of specReferences(type, resource)) {
    if (known.has(reference.id)) continue;
    const target = options.types.get(reference.type);
    const there = lookup.get(reference.type, reference.id);
    const isSeen = there && mayRead(access, { type: target, resource: there, lookup });
    const found = isSeen === true ? there : undefined;
    const message = refusal({ reference, target, found, from: resource, access });
    if (message !== undefined) missing.push({ path: reference.path, message });
    else if (found?.deletionRequestedAt !== undefined) {
      const what = `${target.label} ${JSON.stringify(found.name)}`;
      leaving.push({
        path: reference.path,
        message: `refers to ${what}, which is being deleted; wait until it is gone and give another`,
      });
    }
  }
  if (missing.length > 0) throw invalidFields(missing, 'REFERENCE_NOT_FOUND');
  const [first] = leaving;
  if (first === undefined) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'REFERENCE_DELETED',
    message: `${first.path} ${first.message}`,
    violations: leaving,
    preconditions: leaving.map(({ path }) => ({
      type: 'REFERENCE_EXISTS',
      subject: path,
      description: 'what it refers to is being deleted',
    })),
  });
}

function refusal(input: {
  readonly reference: Reference;
  readonly target: ResourceType;
  readonly found: AnyResource | undefined;
  readonly from: AnyResource;
  readonly access: Access;
}): string | undefined {
  const { reference, target, found, from, access } = input;
  const id = JSON.stringify(reference.id);
  if (found === undefined) {
    const unread = isFull(access) ? '' : ' or may not be read by you';
    return `refers to ${target.label} ${id}, which doesn't exist${unread}; give the id of one that does`;
  }
  const isElsewhere = target.scope === 'project' && found.projectId !== from.projectId;
  if (!isElsewhere || from.projectId === '') return undefined;
  return `refers to ${target.label} ${id} of project ${found.projectId}; give one of project ${from.projectId}`;
}
