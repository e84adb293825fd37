/**
 * What differs between two versions of a resource's intent, and what each difference costs. Pure.
 * An entry of a map is compared with the entry of the same key, so that order never makes a
 * difference.
 */
import { type DescField, type DescMessage, equals, type Message } from '@bufbuild/protobuf';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { defaultOf } from './default-values.js';
import {
  behaviorOf,
  createWalk,
  entryPath,
  fieldPath,
  isPlainValue,
  mapEntries,
  readField,
} from './field-access.js';
import type { AnyResource } from './resource.js';
import type { ResourceType } from './type-registry.js';

/** One changed field. */
export interface FieldChange {
  /** Its path; for an added or removed map entry or message, the path of that. */
  readonly path: string;
  /** What the change costs a running workload; REPLACE for an immutable field. */
  readonly disruption: Disruption;
  /** Whether the field can't change, so that the update must be refused. */
  readonly immutable: boolean;
}

/** The changes of the spec and of what users set in the header, in the contract's order. */
export function intentChanges(
  type: ResourceType,
  before: AnyResource,
  after: AnyResource,
): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  compareMessages({ desc: type.message, before, after, path: '', ...nothingInherited }, changes);
  return changes;
}

/** The costliest disruption of some changes; LIVE without any. */
export function worstDisruption(changes: readonly FieldChange[]): Disruption {
  return changes.reduce((worst, { disruption }) => Math.max(worst, disruption), Disruption.LIVE);
}

interface Inherited {
  readonly immutable: boolean;
  readonly disruption: Disruption;
  /** Whether it describes other resources, which are replaced for what is immutable in them. */
  readonly isBlueprint: boolean;
}

interface Pair extends Inherited {
  readonly before: unknown;
  readonly after: unknown;
  readonly path: string;
}

const nothingInherited: Inherited = {
  immutable: false,
  disruption: Disruption.LIVE,
  isBlueprint: false,
};

function compareMessages(pair: Pair & { readonly desc: DescMessage }, into: FieldChange[]): void {
  for (const field of pair.desc.fields) {
    const own = behaviorOf(field);
    if (own.outputOnly) continue;
    const isBlueprint = pair.isBlueprint || own.blueprint;
    compareField(
      field,
      {
        before: readField(pair.before as Message, field),
        after: readField(pair.after as Message, field),
        path: fieldPath(pair.path, field),
        immutable: pair.immutable || (own.immutable && !isBlueprint),
        disruption: own.disruption || pair.disruption,
        isBlueprint,
      },
      into,
    );
  }
}

function compareField(field: DescField, pair: Pair, into: FieldChange[]): void {
  if (pair.before === undefined && pair.after === undefined) return;
  if (field.fieldKind === 'map') compareMaps(field, pair, into);
  else if (field.fieldKind === 'message' && !isPlainValue(field.message)) {
    compareParts(field.message, pair, into);
  } else if (!sameValue(field, pair)) into.push(changed(field, pair));
}

function compareMaps(
  field: DescField & { fieldKind: 'map' },
  pair: Pair,
  into: FieldChange[],
): void {
  const before = new Map(mapEntries(pair.before));
  const after = new Map(mapEntries(pair.after));
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const entry = {
      ...pair,
      before: before.get(key),
      after: after.get(key),
      path: entryPath(pair.path, key),
    };
    // An entry that comes or goes is the map's change: what is immutable in it never changed.
    const isPair = entry.before !== undefined && entry.after !== undefined;
    if (field.mapKind === 'message' && isPair) {
      compareMessages({ ...entry, desc: field.message }, into);
    } else if (!isPair || entry.before !== entry.after) into.push(changed(field, entry));
  }
}

/**
 * A message that comes or goes is one change, and immutable if a field is that was or is set in it.
 */
function compareParts(desc: DescMessage, pair: Pair, into: FieldChange[]): void {
  if (pair.before !== undefined && pair.after !== undefined) {
    compareMessages({ ...pair, desc }, into);
    return;
  }
  const message = (pair.before ?? pair.after) as Message;
  let { immutable, disruption } = pair;
  walkImmutable({ desc, message, path: '' }, () => {
    immutable ||= !pair.isBlueprint;
  });
  walkDisruptive({ desc, message, path: '' }, ({ field }) => {
    disruption = Math.max(disruption, behaviorOf(field).disruption);
  });
  into.push(asChange(pair.path, { immutable, disruption }));
}

const walkImmutable = createWalk((behavior) => behavior.immutable);
const walkDisruptive = createWalk((behavior) => behavior.disruption > Disruption.LIVE);

function changed(field: DescField, pair: Pair): FieldChange {
  // Writing down the value that holds anyway, or no longer writing it, costs nothing.
  const fallback = defaultOf(field);
  const isEffective =
    fallback === undefined || (pair.before ?? fallback) !== (pair.after ?? fallback);
  return asChange(pair.path, isEffective ? pair : nothingInherited);
}

const asChange = (
  path: string,
  { immutable, disruption }: Pick<Inherited, 'immutable' | 'disruption'>,
): FieldChange => ({
  path,
  immutable,
  disruption: immutable ? Disruption.REPLACE : disruption,
});

function sameValue(field: DescField, { before, after }: Pair): boolean {
  if (before === undefined || after === undefined) return false;
  if (field.fieldKind === 'message') {
    return equals(field.message, before as Message, after as Message);
  }
  if (field.fieldKind !== 'list') return sameScalar(before, after);
  const [first, second] = [before as unknown[], after as unknown[]];
  if (first.length !== second.length) return false;
  return first.every((item, i) =>
    field.listKind === 'message'
      ? equals(field.message, item as Message, second[i] as Message)
      : sameScalar(item, second[i]),
  );
}

function sameScalar(before: unknown, after: unknown): boolean {
  if (before instanceof Uint8Array && after instanceof Uint8Array) {
    return Buffer.compare(before, after) === 0;
  }
  return before === after;
}
