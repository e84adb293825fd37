/**
 * What of a resource's spec lies outside of what a driver carries out. Pure. A driver lists the
 * paths that it knows; whatever is set beside them must be refused by name, never dropped.
 */
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { defaultOf } from './default-values.js';
import {
  behaviorOf,
  entryPath,
  fieldPath,
  isPlainValue,
  mapEntries,
  readField,
} from './field-access.js';
import type { AnyResource } from './resource.js';
import type { ResourceType } from './type-registry.js';

/**
 * The paths of a type's spec that are carried out, such as `spec.cpu.cores` or `spec.disks.*.bus`:
 * `*` stands for any key of a map and any item of a list, a path for all that is below it. Of an
 * enum, `spec.power_state=running|stopped` names the values that are carried out.
 */
export type SupportedPaths = readonly string[];

/** Why a resource can't be carried out. */
export interface Refusal {
  /** The fields; empty for the type as a whole. */
  readonly paths: readonly string[];
  /** For people. */
  readonly message: string;
}

/** What backends can do. */
export interface Support {
  /** Why a resource can't be carried out; undefined where all of it can. */
  refusal(type: ResourceType, resource: AnyResource): Refusal | undefined;
  /** Whether a resource is served from its record alone though its type has a driver. */
  isObject(type: ResourceType, resource: AnyResource): boolean;
}

/** Paths in one answer. */
const pathsMax = 20;

/**
 * The set fields that aren't carried out, as users write them. A default that is spelled out counts
 * as not set.
 */
export function unsupportedPaths(
  type: ResourceType,
  resource: AnyResource,
  supported: SupportedPaths,
): readonly string[] {
  if (resource.spec === undefined) return [];
  const found: string[] = [];
  const root = { desc: type.spec, message: resource.spec, path: 'spec', pattern: 'spec' };
  visit(root, knowledgeOf(supported), found);
  return found.slice(0, pathsMax);
}

interface Knowledge {
  /** By path: the values, or undefined for any. */
  readonly paths: ReadonlyMap<string, readonly string[] | undefined>;
  /** What leads to a known path. */
  readonly prefixes: ReadonlySet<string>;
}

const knowledge = new WeakMap<SupportedPaths, Knowledge>();

function knowledgeOf(supported: SupportedPaths): Knowledge {
  let known = knowledge.get(supported);
  if (known === undefined) {
    const entries = supported.map((text) => {
      const [path = '', values] = text.split('=');
      return [path, values?.split('|')] as const;
    });
    const prefixes = entries.flatMap(([path]) => {
      const steps = path.split('.');
      return steps.slice(1).map((_, i) => steps.slice(0, i + 1).join('.'));
    });
    known = { paths: new Map(entries), prefixes: new Set(prefixes) };
    knowledge.set(supported, known);
  }
  return known;
}

interface At {
  readonly desc: DescMessage;
  readonly message: Message;
  readonly path: string;
  /** The path with `*` for keys. */
  readonly pattern: string;
}

function visit(at: At, known: Knowledge, found: string[]): void {
  for (const field of at.desc.fields) {
    const value = readField(at.message, field);
    if (value === undefined || behaviorOf(field).outputOnly) continue;
    const path = fieldPath(at.path, field);
    const pattern = `${at.pattern}.${field.name}`;
    if (known.paths.has(pattern)) {
      const words = known.paths.get(pattern);
      if (words !== undefined && !words.includes(wordOf(field, value))) found.push(path);
      continue;
    }
    const parts = partsOf(field, value, { path, pattern });
    if (parts === undefined) {
      if (value !== defaultOf(field)) found.push(path);
    } else if (!parts.every(({ pattern: inner }) => known.prefixes.has(inner))) {
      // What nothing below is known of is one thing to a user.
      found.push(path);
    } else for (const part of parts) visit(part, known, found);
  }
}

/** The messages in a field; undefined for a plain value. */
function partsOf(
  field: DescField,
  value: unknown,
  { path, pattern }: Pick<At, 'path' | 'pattern'>,
): readonly At[] | undefined {
  const desc = field.message;
  if (desc === undefined || isPlainValue(desc)) return undefined;
  const part = (inner: string, message: unknown, isItem: boolean): At => ({
    desc,
    message: message as Message,
    path: inner,
    pattern: isItem ? `${pattern}.*` : pattern,
  });
  if (field.fieldKind === 'message') return [part(path, value, false)];
  if (field.fieldKind === 'list') {
    return (value as unknown[]).map((item, i) => part(`${path}[${i}]`, item, true));
  }
  return mapEntries(value).map(([key, entry]) => part(entryPath(path, key), entry, true));
}

/** An enum's value as users write it: `running` for POWER_STATE_RUNNING. */
function wordOf({ enum: desc }: DescField, value: unknown): string {
  const name = desc?.value[Number(value)]?.name ?? '';
  return name.slice(desc?.sharedPrefix?.length ?? 0).toLowerCase();
}
