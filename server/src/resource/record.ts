/**
 * A resource as the store has it: encoded without its revision, which is the store's to give,
 * together with the index entries that belong to it. Pure.
 */
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import { findEncoded } from './encoded-fields.js';
import { childKey, nameKey, recordKey, referenceKey } from './keys.js';
import { specReferences } from './references.js';
import type { AnyResource } from './resource.js';
import type { ResourceType } from './type-registry.js';

/** An entry of the store, as far as a record goes. Its bytes must not be changed. */
export interface RecordEntry {
  readonly value: Uint8Array;
  readonly revision: bigint;
}

/** A write that belongs to a record; the store's writes have this shape. */
export type RecordWrite =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

const encoded = new WeakMap<AnyResource, Uint8Array>();

/** A resource's bytes, which must not be changed. The header's `revision` isn't in them. */
export function encodeRecord(type: ResourceType, resource: AnyResource): Uint8Array {
  const record: AnyResource = { ...resource, revision: 0n };
  const value = toBinary(type.message, record);
  encoded.set(resource, value);
  return value;
}

/** The resource in an entry of the store, with its revision. */
export function decodeRecord(type: ResourceType, entry: RecordEntry): AnyResource {
  const resource = fromBinary(type.message, entry.value) as AnyResource;
  resource.revision = entry.revision;
  resource.etag ||= String(entry.revision);
  return resource;
}

/**
 * A resource as it was committed. A change of intent has the revision of its commit as its etag.
 */
export function committed<R extends AnyResource>(resource: R, revision: bigint | undefined): R {
  if (revision === undefined) return resource;
  const stored = { ...resource, revision, etag: resource.etag || String(revision) };
  const value = encoded.get(resource);
  if (value !== undefined) entries.set(stored, { value, revision });
  return stored;
}

const entries = new WeakMap<AnyResource, RecordEntry>();

/** The entry that a resource was committed as; undefined for one that came about otherwise. */
export const entryOf = (resource: AnyResource): RecordEntry | undefined => entries.get(resource);

/** The name of the resource in an entry, without decoding the rest. */
export function nameInRecord({ header }: ResourceType, { value }: RecordEntry): string {
  const name = findEncoded(value, header.name);
  return name === undefined ? '' : decodeText(name);
}

const decoded = new WeakMap<RecordEntry, AnyResource>();

/**
 * The resource in an entry, decoded once however many read the same entry: neither it nor what is
 * returned may be changed.
 */
export function decodeShared(type: ResourceType, entry: RecordEntry): AnyResource {
  let resource = decoded.get(entry);
  if (resource === undefined) {
    resource = decodeRecord(type, entry);
    decoded.set(entry, resource);
  }
  return resource;
}

const encoder = new TextEncoder();

/** The bytes of a key that only points at something. */
export const encodeText = (text: string): Uint8Array => encoder.encode(text);

const decoder = new TextDecoder();

/** The text in such bytes. */
export const decodeText = (bytes: Uint8Array): string => decoder.decode(bytes);

/**
 * The writes that store a resource and bring its index entries (name, references, owner) from what
 * `before` needed to what it needs. Without `before`, it is new.
 */
export function recordWrites(
  type: ResourceType,
  resource: AnyResource,
  before?: AnyResource,
): readonly RecordWrite[] {
  const id = encodeText(resource.id);
  const [old, now] = [
    before === undefined ? [] : indexKeys(type, before),
    indexKeys(type, resource),
  ];
  const writes: RecordWrite[] = [
    {
      kind: 'put',
      key: recordKey(type.type, resource.id),
      value: encodeRecord(type, resource),
    },
  ];
  for (const key of now) if (!old.includes(key)) writes.push({ kind: 'put', key, value: id });
  for (const key of old) if (!now.includes(key)) writes.push({ kind: 'delete', key });
  return writes;
}

/** Every key that a resource has besides its claims and its deletion mark, its record first. */
export function recordKeys(type: ResourceType, resource: AnyResource): readonly string[] {
  return [recordKey(type.type, resource.id), ...indexKeys(type, resource)];
}

/** The key of a resource's name. */
export function nameKeyOf(type: ResourceType, resource: AnyResource): string {
  return nameKey({ type: type.type, projectId: resource.projectId, name: resource.name });
}

function indexKeys(type: ResourceType, resource: AnyResource): readonly string[] {
  const source = { type: type.type, id: resource.id };
  const keys = new Set([nameKeyOf(type, resource)]);
  for (const { id } of specReferences(type, resource)) keys.add(referenceKey(id, source));
  if (resource.owner !== undefined) keys.add(childKey(resource.owner.id, source));
  return [...keys];
}
