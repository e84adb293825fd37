/**
 * The store's keys: where each record, index entry and guard is. Pure, and the only place that
 * knows. Keys are printable ASCII; ids never hold a slash.
 */
import type { TypeName } from './resource.js';

/** The fingerprint of the installation's certificate authority, where several servers share it. */
export const authorityKey = 'installation/ca';

/** Every record: `r/<type>/<id>` → the resource. */
export const recordPrefix = 'r/';

/** A resource's record. */
export const recordKey = (type: TypeName, id: string): string => `r/${type}/${id}`;

/** The records of a type. */
export const typePrefix = (type: TypeName): string => `r/${type}/`;

/**
 * A name: → the id of the resource that has it. `projectId` is empty for an installation's
 * resources.
 */
export function nameKey(options: {
  readonly type: TypeName;
  readonly projectId: string;
  readonly name: string;
}): string {
  return `n/${options.type}/${encodePart(options.projectId)}/${encodePart(options.name)}`;
}

/** The names of a type's resources in a project. */
export const namePrefix = (options: {
  readonly type: TypeName;
  readonly projectId: string;
}): string => `n/${options.type}/${encodePart(options.projectId)}/`;

/** Who refers to a resource in its spec: one key for each, as `referenceKey` makes them. */
export const referencePrefix = (targetId: string): string => `x/${targetId}/`;

/** `source` refers to `targetId` in its spec. */
export const referenceKey = (targetId: string, source: { type: TypeName; id: string }): string =>
  `x/${targetId}/${source.type}/${source.id}`;

/** Whom a resource owns: one key for each, as `childKey` makes them. */
export const childPrefix = (ownerId: string): string => `o/${ownerId}/`;

/** `child` is owned by `ownerId`. */
export const childKey = (ownerId: string, child: { type: TypeName; id: string }): string =>
  `o/${ownerId}/${child.type}/${child.id}`;

/** Exists while a resource is being deleted, so that no new reference to it can be committed. */
export const deletionKey = (id: string): string => `d/${id}`;

/** The claims of a resource: one key for each, as `claimIndexKey` makes them. */
export const claimIndexPrefix = (ownerId: string): string => `c/${ownerId}/`;

/** `ownerId` has the claim `claim`. */
export const claimIndexKey = (ownerId: string, claim: string): string => `c/${ownerId}/${claim}`;

/** An IPv4 or IPv6 address in a network: → the id of the port that has it. */
export const ipClaimKey = (networkId: string, address: string): string =>
  `ip/${networkId}/${address.toLowerCase()}`;

/** A MAC address: → the id of the port that has it. */
export const macClaimKey = (address: string): string => `mac/${address.toLowerCase()}`;

/** Requests that were answered: `q/<digest>` → which resource came of it. */
export const requestPrefix = 'q/';

/** The request whose caller and `request_id` have this digest. */
export const requestKey = (digest: string): string => `q/${digest}`;

/** The tokens: `t/<id>`. */
export const tokenPrefix = 't/';

/** A token's record. */
export const tokenKey = (id: string): string => `t/${id}`;

/** The type and id in a record's key, or undefined for another key. */
export function parseRecordKey(key: string): { type: TypeName; id: string } | undefined {
  const [head, type, id, ...rest] = key.split('/');
  if (head !== 'r' || type === undefined || id === undefined || rest.length > 0) return undefined;
  return { type, id };
}

/** The type and id of the referring or owned resource in a key of an index. */
export function parseIndexKey(key: string): { type: TypeName; id: string } | undefined {
  const [, , type, id] = key.split('/');
  return type === undefined || id === undefined ? undefined : { type, id };
}

const encodePart = (text: string): string => encodeURIComponent(text);
