/**
 * The server's part of a resource's header: set at creation, moved on when intent changes. Pure;
 * what is returned is a new message, and the one that was given stays as it was.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { FieldChange } from '../resource/changes.js';
import type { AnyResource, AnyStatus } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';

/** The project of resources that name none. */
export const defaultProject = 'default';

/** Where a header's values come from. */
export interface HeaderSources {
  readonly newId: () => string;
  readonly nowMs: number;
}

/** A new resource's header, on what the user or an owner's admission gave. */
export function newHeader<R extends AnyResource>(
  type: ResourceType,
  resource: R,
  sources: HeaderSources & { readonly createdBy: string },
): R {
  const now = timestampFromMs(sources.nowMs);
  return {
    ...resource,
    id: resource.id === '' ? sources.newId() : resource.id,
    projectId: projectOfNew(type, resource),
    createdAt: now,
    updatedAt: now,
    createdBy: sources.createdBy,
    generation: 1n,
    etag: newEtag,
    revision: 0n,
    status: resource.status ?? (create(type.status) as AnyStatus),
  };
}

/** What only LimiQuantix makes belongs where its subject does: an event of a node to no project. */
function projectOfNew({ scope, methods }: ResourceType, { projectId }: AnyResource): string {
  if (scope === 'installation') return '';
  return methods.write === undefined ? projectId : projectId || defaultProject;
}

/** The header after a change of intent; `generation` counts the changes of the spec. */
export function changedHeader<R extends AnyResource>(
  resource: R,
  changes: readonly FieldChange[],
  sources: HeaderSources,
): R {
  const isSpec = changes.some(({ path }) => path.startsWith('spec'));
  return {
    ...resource,
    generation: resource.generation + (isSpec ? 1n : 0n),
    updatedAt: timestampFromMs(sources.nowMs),
    etag: newEtag,
  };
}

/** The header of a resource whose deletion is requested. */
export function deletedHeader<R extends AnyResource>(resource: R, sources: HeaderSources): R {
  return {
    ...resource,
    deletionRequestedAt: timestampFromMs(sources.nowMs),
    etag: newEtag,
  };
}

/**
 * The etag of a version that isn't committed yet: it becomes the revision of its commit, which only
 * the store knows (`resource/record.ts`).
 */
const newEtag = '';
