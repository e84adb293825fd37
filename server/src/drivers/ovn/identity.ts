/**
 * How rows in OVN carry our ids, so that each is found again after a crash: `external_ids` name
 * the resource, and the row's own uuid follows from the resource's id, so that two writers can
 * never make it twice. Pure.
 */
import { createHash } from 'node:crypto';
import type { AnyResource, ResourceKey, TypeName } from '../../resource/resource.js';

/** The key that holds the resource's id. */
export const ID_KEY = 'limiquantix:id';

/** The key that holds the resource's type. */
export const TYPE_KEY = 'limiquantix:type';

/** The key that holds the resource's name, for people. */
export const NAME_KEY = 'limiquantix:name';

/** A map column that carries an identity. */
export type ExternalIds = Readonly<Record<string, string>>;

/** What a row of ours has in `external_ids`. */
export function externalIdsOf(type: TypeName, { id, name }: AnyResource): ExternalIds {
  return { [ID_KEY]: id, [TYPE_KEY]: type, [NAME_KEY]: name };
}

/** The resource that a row belongs to, or undefined where the row is not ours. */
export function ownerOf(externalIds: ExternalIds): ResourceKey | undefined {
  const { [ID_KEY]: id, [TYPE_KEY]: type } = externalIds;
  return id === undefined || type === undefined ? undefined : { type, id };
}

/** Whether `actual` has every pair of `wanted`; pairs of others don't count. */
export function hasPairs(actual: ExternalIds, wanted: ExternalIds): boolean {
  return Object.entries(wanted).every(([key, value]) => actual[key] === value);
}

/** A uuid that follows from an id and a word (in the manner of RFC 9562 version 8). */
export function derivedUuid(id: string, word: string): string {
  const hex = createHash('sha256').update(`${word} ${id}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return [...groups, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

/** A locally administered MAC address that follows from an id; never one that IPAM gives out. */
export function derivedMac(id: string): string {
  const hex = createHash('sha256').update(`mac ${id}`).digest('hex');
  const pairs = hex.slice(0, 10).match(/../g) ?? [];
  return ['0a', ...pairs].join(':');
}
