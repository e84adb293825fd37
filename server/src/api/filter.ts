/**
 * The filter of List and Watch: terms joined by ` AND `, each of the form `path=value`, such as
 * `labels.app=web AND status.phase=running`, or an expression in CEL (`filter-expression.ts`). Pure.
 * A path names a field of the header, of the spec or of the status; through a map it goes by the
 * key, and of a list any item may match.
 */
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { allowsFor, isFull } from '../decide/access.js';
import { LimiError } from '../resource/error.js';
import { behaviorOf, findField, isPlainValue, readField } from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { ApiContext } from './api-context.js';
import { permissionOf } from './auth.js';
import { expressionFilter } from './filter-expression.js';
import { invalidFields } from './validation.js';

/** Terms in one filter. */
const termsMax = 16;

/** Whether a resource passes. */
export interface Filter {
  (resource: AnyResource): boolean;
  /** Whether it takes so long that over many resources others must get their turn. */
  readonly isCostly?: boolean;
}

/** Steps that expressions may take over all resources of one list. */
const listStepsMax = 5_000_000;

/** What to pass. */
export interface FilterOptions {
  /** The terms; empty for everything. */
  readonly filter: string;
  /** Only those of this project; empty for all. */
  readonly projectId: string;
}

/** Whether a filter is asked once of each resource, or again with every change. */
export type FilterUse = 'list' | 'watch';

/**
 * Makes a filter; undefined where everything passes. Throws INVALID_ARGUMENT where it can't be
 * read.
 */
export function parseFilter(
  type: ResourceType,
  options: FilterOptions,
  use: FilterUse,
): Filter | undefined {
  const { filter, projectId } = options;
  const given = filter.trim() === '' ? [] : splitTerms(filter);
  if (given.length > termsMax)
    throw invalidFilter(`has ${given.length} terms; at most ${termsMax}`);
  const simple: Filter[] = [];
  if (projectId !== '') simple.push((resource) => resource.projectId === projectId);
  const whole = use === 'list' ? { left: listStepsMax } : undefined;
  const expressions: Filter[] = [];
  for (const text of given) {
    if (simpleTerm.test(text)) simple.push(parseTerm(type, text));
    else expressions.push(parseExpressionTerm(type, text, whole));
  }
  // What costs little leaves less to what costs more.
  const terms = [...simple, ...expressions];
  if (terms.length === 0) return undefined;
  const passes = (resource: AnyResource) => terms.every((matches) => matches(resource));
  return expressions.length === 0 ? passes : Object.assign(passes, { isCostly: true });
}

/** `path=value`; in CEL, a name is never followed by a single `=`. */
const simpleTerm = /^[A-Za-z_][\w./-]*\s*=(?!=)/;

/** The terms between ` AND `, which in a text between quotes is just that. */
function splitTerms(filter: string): string[] {
  const terms: string[] = [];
  let begin = 0;
  const pattern = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\s+AND\s+/g;
  for (const { 0: found, index } of filter.matchAll(pattern)) {
    if (!/^\s/.test(found)) continue;
    terms.push(filter.slice(begin, index).trim());
    begin = index + found.length;
  }
  return [...terms, filter.slice(begin).trim()];
}

function parseExpressionTerm(
  type: ResourceType,
  text: string,
  whole: { left: number } | undefined,
): Filter {
  try {
    return expressionFilter(type, text, whole);
  } catch (error) {
    if (!(error instanceof LimiError)) throw error;
    throw invalidFilter(
      `has the term ${JSON.stringify(text)}, which is neither path=value nor CEL: ${error.message}`,
    );
  }
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
  if (given.length === 0) return undefined;
  const all: Filter = (one) => given.every((passes) => passes(one));
  return given.some(({ isCostly }) => isCostly) ? Object.assign(all, { isCostly: true }) : all;
}

function parseTerm(type: ResourceType, text: string): Filter {
  const at = text.indexOf('=');
  const path = text.slice(0, at).trim();
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
