/**
 * Applies field masks. Pure. A list's read mask picks the fields that are answered; an update's
 * mask takes the named fields from the request and leaves the others. Output-only fields that it
 * names are ignored. A secret that isn't given stays where its message does, because no client can
 * read it to send it again; naming the secret itself sets or removes it.
 */
import { clone, create, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import {
  behaviorOf,
  entryPath,
  fieldPath,
  findField,
  isPlainValue,
  mapEntries,
  readField,
  writeField,
} from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { invalidFields } from './validation.js';

/** Paths in one mask. */
const pathsMax = 256;

/** What to change, from what. */
export interface MaskedUpdate {
  readonly previous: AnyResource;
  /** The request's resource. */
  readonly input: AnyResource;
  /** The mask's paths, such as `spec.memory.size_mib`. */
  readonly paths: readonly string[];
}

/** The resource with the named fields of the input. Throws where a path isn't a field's. */
export function applyMask(type: ResourceType, update: MaskedUpdate): AnyResource {
  const { previous, input, paths } = update;
  checkCount(paths, 'update_mask');
  const next = clone(type.message, previous) as AnyResource;
  for (const path of paths) {
    const fields = resolve(type.message, path, 'update_mask');
    if (fields.some((field) => behaviorOf(field).outputOnly)) continue;
    copyField({ fields, from: input, to: next });
  }
  keepSecrets({ desc: type.message, from: previous, to: next, path: '' }, new Set(paths));
  return next;
}

/**
 * What picks the named fields of a type's resources, leaving the others out; undefined where none
 * is named, which means all. Throws where a path isn't a field's.
 */
export function readMask(
  type: ResourceType,
  paths: readonly string[],
): ((resource: AnyResource) => AnyResource) | undefined {
  if (paths.length === 0) return undefined;
  checkCount(paths, 'read_mask');
  const all = paths.map((path) => resolve(type.message, path, 'read_mask'));
  return (resource) => {
    const picked = create(type.message) as AnyResource;
    for (const fields of all) copyField({ fields, from: resource, to: picked });
    return picked;
  };
}

type MaskName = 'update_mask' | 'read_mask';

function checkCount({ length }: readonly string[], mask: MaskName): void {
  if (length > 0 && length <= pathsMax) return;
  throw invalidMask(mask, `must name 1 to ${pathsMax} fields; got ${length}`);
}

function resolve(desc: DescMessage, path: string, mask: MaskName): DescField[] {
  const fields: DescField[] = [];
  let at: DescMessage | undefined = desc;
  for (const name of path.split('.')) {
    if (at === undefined) {
      throw invalidMask(
        mask,
        `names ${path}, which goes into a value; name the field that holds it as a whole`,
      );
    }
    const field = findField(at, name);
    if (field === undefined) {
      throw invalidMask(mask, `names ${path}, but ${at.name} has no field ${JSON.stringify(name)}`);
    }
    fields.push(field);
    const isInner = field.fieldKind === 'message' && !isPlainValue(field.message);
    at = isInner ? field.message : undefined;
  }
  return fields;
}

function copyField(step: { fields: readonly DescField[]; from: Message; to: Message }): void {
  const [field, ...rest] = step.fields;
  if (field === undefined) return;
  const given = readField(step.from, field);
  if (rest.length === 0) {
    writeField(step.to, field, given);
    return;
  }
  let inner = readField(step.to, field);
  if (inner === undefined) {
    if (given === undefined || field.message === undefined) return;
    inner = create(field.message);
    writeField(step.to, field, inner);
  }
  const from = given ?? (field.message && create(field.message));
  copyField({ fields: rest, from: from as Message, to: inner as Message });
}

interface SecretStep {
  readonly desc: DescMessage;
  readonly from: Message;
  readonly to: Message;
  readonly path: string;
}

function keepSecrets(step: SecretStep, named: ReadonlySet<string>): void {
  for (const field of step.desc.fields) {
    const path = fieldPath(step.path, field);
    const [before, after] = [readField(step.from, field), readField(step.to, field)];
    if (before === undefined) continue;
    if (behaviorOf(field).secret) {
      if (after === undefined && !named.has(path)) writeField(step.to, field, before);
      continue;
    }
    if (after === undefined || field.message === undefined || isPlainValue(field.message)) continue;
    const desc = field.message;
    for (const pair of pairs(field, path, before, after)) keepSecrets({ desc, ...pair }, named);
  }
}

function pairs(
  field: DescField,
  path: string,
  before: unknown,
  after: unknown,
): readonly { from: Message; to: Message; path: string }[] {
  if (field.fieldKind === 'message') {
    return [{ from: before as Message, to: after as Message, path }];
  }
  // Items of a list have no identity that would say which secret belongs to which.
  if (field.fieldKind !== 'map') return [];
  const now = new Map(mapEntries(after));
  return mapEntries(before).flatMap(([key, from]) => {
    const to = now.get(key);
    if (to === undefined) return [];
    return [{ from: from as Message, to: to as Message, path: entryPath(path, key) }];
  });
}

const invalidMask = (path: MaskName, message: string) => invalidFields([{ path, message }]);
