/**
 * The filter of List and Watch: terms `path=value` joined by ` AND `, such as
 * `labels.app=web AND status.phase=running`. Pure. A path names a field of the header, of the spec
 * or of the status; through a map it goes by the key, and of a list any item may match.
 */
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { allowsFor, isFull } from '../decide/access.js';
import type { LimiError } from '../resource/error.js';
import { behaviorOf, findField, isPlainValue, readField } from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { ApiContext } from './api-context.js';
import { permissionOf } from './auth.js';
import { invalidFields } from './validation.js';

/** Terms in one filter. */
const termsMax = 16;

/** Whether a resource passes. */
export type Filter = (resource: AnyResource) => boolean;

/** What to pass. */
export interface FilterOptions {
  /** The terms; empty for everything. */
  readonly filter: string;
  /** Only those of this project; empty for all. */
  readonly projectId: string;
}

/**
 * Makes a filter; undefined where everything passes. Throws INVALID_ARGUMENT where it can't be
 * read.
 */
export function parseFilter(type: ResourceType, options: FilterOptions): Filter | undefined {
  const { filter, projectId } = options;
  const texts = filter.trim() === '' ? [] : filter.split(/\s+AND\s+/);
  if (texts.length > termsMax)
    throw invalidFilter(`has ${texts.length} terms; at most ${termsMax}`);
  const terms = texts.map((text) => parseTerm(type, text));
  if (projectId !== '') terms.push((resource) => resource.projectId === projectId);
  if (terms.length === 0) return undefined;
  return (resource) => terms.every((matches) => matches(resource));
}

/**
 * What of a type's resources is shown: those whose listing the caller's roles allow; undefined for
 * all.
 */
export function visibleTo(
  { access, view: lookup }: Pick<ApiContext, 'access' | 'view'>,
  type: ResourceType,
): Filter | undefined {
  if (isFull(access)) return undefined;
  const permission = permissionOf(type.methods.list.method);
  return (resource) => allowsFor(access, permission, { type, resource, lookup });
}

/** What passes all of some filters; undefined where everything does. */
export function allOf(...filters: readonly (Filter | undefined)[]): Filter | undefined {
  const given = filters.filter((filter) => filter !== undefined);
  return given.length === 0 ? undefined : (one) => given.every((passes) => passes(one));
}

function parseTerm(type: ResourceType, text: string): Filter {
  const at = text.indexOf('=');
  const path = text.slice(0, at).trim();
  if (at < 1 || path === '') {
    throw invalidFilter(`has the term ${JSON.stringify(text)}, which isn't path=value`);
  }
  const value = unquote(text.slice(at + 1).trim());
  const names = path.startsWith('labels.') ? ['labels', path.slice(7)] : path.split('.');
  const find = resolve(type.message, names, path);
  return (resource) => find(resource).some((found) => found === value);
}

/** The texts of what a path leads to in a message: none, one, or those of a list. */
type Find = (message: Message) => readonly string[];

function resolve(desc: DescMessage, names: readonly string[], path: string): Find {
  const [name = '', ...rest] = names;
  const field = findField(desc, name);
  if (field === undefined) {
    throw invalidFilter(`names ${path}, but ${desc.name} has no field ${JSON.stringify(name)}`);
  }
  if (behaviorOf(field).secret) throw invalidFilter(`names ${path}, which is a secret`);
  const inner = innerOf(field);
  if (field.fieldKind === 'map') return resolveMap(field, rest, path);
  if (inner === undefined) return valuesOf(field, rest, path);
  if (rest.length === 0) throw invalidFilter(`names ${path}, which isn't a value; name one in it`);
  const find = resolve(inner, rest, path);
  return (message) => {
    const value = readField(message, field);
    if (value === undefined) return [];
    const messages = (field.fieldKind === 'list' ? value : [value]) as Message[];
    return messages.flatMap((one) => [...find(one)]);
  };
}

function resolveMap(
  field: DescField & { fieldKind: 'map' },
  rest: readonly string[],
  path: string,
): Find {
  const [key, ...below] = rest;
  if (key === undefined) throw invalidFilter(`names ${path}, which is a map; add a key`);
  const inner = innerOf(field);
  const find = inner && resolve(inner, below, path);
  if (find === undefined && below.length > 0) throw invalidFilter(`goes into a value with ${path}`);
  return (message) => {
    const entries = (readField(message, field) ?? {}) as Record<string, unknown>;
    const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (entry === undefined) return [];
    return find === undefined ? textsOf(field.enum, entry) : find(entry as Message);
  };
}

function valuesOf(field: DescField, rest: readonly string[], path: string): Find {
  if (rest.length > 0) throw invalidFilter(`goes into a value with ${path}`);
  if (field.message !== undefined) throw invalidFilter(`names ${path}, which can't be compared`);
  return (message) => {
    // What isn't set compares as the zero that clients see in its place.
    const value = readField(message, field) ?? (field.fieldKind === 'list' ? [] : zeroOf(field));
    return (Array.isArray(value) ? value : [value]).flatMap((one) => textsOf(field.enum, one));
  };
}

const innerOf = (field: DescField): DescMessage | undefined =>
  field.message !== undefined && !isPlainValue(field.message) ? field.message : undefined;

function zeroOf(field: DescField): unknown {
  if (field.fieldKind !== 'scalar') return 0;
  if (field.scalar === ScalarType.STRING) return '';
  return field.scalar === ScalarType.BOOL ? false : 0;
}

/** An enum's value goes by its name, with or without the enum's prefix, in any case. */
function textsOf(desc: DescEnum | undefined, value: unknown): readonly string[] {
  if (desc === undefined) return [String(value)];
  const name = desc.value[Number(value)]?.name;
  if (name === undefined) return [String(value)];
  const prefix = desc.sharedPrefix ?? '';
  const short = name.slice(prefix.length);
  return [name, short, short.toLowerCase()];
}

const unquote = (text: string): string =>
  text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;

const invalidFilter = (message: string): LimiError =>
  invalidFields([{ path: 'filter', message }], 'FILTER_INVALID');
