/**
 * What has to be done so that resources are as files say: compares what is with what is wanted, and
 * refuses what can't change before anything is sent. What a file doesn't say of a spec, of labels
 * or of a description is not wanted; secrets that it doesn't name stay.
 */
import { clone } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { type FieldChange, intentChanges, worstDisruption } from '../resource/changes.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { type Mistake, mistaken, parsePath } from './documents.js';
import { fillReferences, type Prepared } from './prepare.js';
import { isId } from './resource-client.js';
import type { Session } from './session.js';

/** What is to be done for one document. */
export interface Step {
  readonly prepared: Prepared;
  /** As it is; undefined where it must be created. */
  readonly current: AnyResource | undefined;
  /** As it is wanted, with the header of what is. */
  readonly wanted: AnyResource;
  readonly changes: readonly FieldChange[];
  /** Whether it refers to something in the input that must be created first. */
  readonly waits: boolean;
}

/** Decides what is to be done for each. Throws INVALID_ARGUMENT for what can't be done. */
export async function planSteps(session: Session, all: readonly Prepared[]): Promise<Step[]> {
  const ids = new Map<string, string>();
  const steps: Step[] = [];
  const mistakes: Mistake[] = [];
  for (const prepared of all) {
    const { type, resource, manifest, waitsFor } = prepared;
    const current = await findCurrent(session, prepared);
    fillReferences(prepared, ids);
    const waits = waitsFor.some(({ on }) => !ids.has(on));
    if (current !== undefined) ids.set(prepared.key, current.id);
    const wanted = current === undefined ? resource : wantedOf(type, current, resource);
    const changes = current === undefined ? [] : intentChanges(type, current, wanted);
    for (const { path } of changes.filter(({ immutable }) => immutable)) {
      const message = `can't change after creation; delete ${prepared.title} and create it anew, or take the change back`;
      mistakes.push({ place: manifest.placeOf(parsePath(path)), path, message });
    }
    steps.push({ prepared, current, wanted, changes, waits });
  }
  if (mistakes.length > 0) throw mistaken(mistakes);
  return steps;
}

/** The resource that is, with what a document says in place of its intent. */
export function wantedOf(
  type: ResourceType,
  current: AnyResource,
  given: AnyResource,
): AnyResource {
  const wanted = clone(type.message, current) as AnyResource;
  const { name, labels, description, spec } = given;
  wanted.name = name;
  wanted.labels = labels;
  wanted.description = description;
  wanted.protected = given.protected;
  if (spec !== undefined) wanted.spec = spec;
  if (given.projectId !== '') wanted.projectId = given.projectId;
  return wanted;
}

/** The mask of some changes: what of the header, and which fields of the spec as a whole. */
export function maskOf(changes: readonly FieldChange[]): string[] {
  const paths = changes.map(({ path }) => {
    const [first = '', second] = parsePath(path);
    return first === 'spec' && second !== undefined ? `spec.${second}` : String(first);
  });
  return [...new Set(paths)];
}

/** Words for what a change costs; empty for nothing. */
export function costText(disruption: Disruption): string {
  switch (disruption) {
    case Disruption.NEXT_BOOT:
      return 'takes effect at the next boot';
    case Disruption.RESTART:
      return 'restarts it, if it runs';
    case Disruption.MIGRATE:
      return 'may move it to another node';
    case Disruption.REPLACE:
      return 'replaces it';
    default:
      return '';
  }
}

/** The words of `--allow-disruption`, from nothing to everything. */
export const disruptionWords: Readonly<Record<string, Disruption>> = {
  live: Disruption.LIVE,
  next_boot: Disruption.NEXT_BOOT,
  restart: Disruption.RESTART,
  migrate: Disruption.MIGRATE,
  replace: Disruption.REPLACE,
};

/** Throws FAILED_PRECONDITION where changes cost more than is allowed. */
export function refuseDisruption(steps: readonly Step[], word: string | undefined): void {
  const most = disruptionWords[word ?? 'replace'] ?? Disruption.REPLACE;
  const lines = steps.flatMap(({ prepared, changes }) =>
    changes
      .filter(({ disruption }) => disruption > most)
      .map(({ path, disruption }) => ({
        path: prepared.manifest.placeOf(parsePath(path)),
        message: `${prepared.title}: ${path} ${costText(disruption)}`,
      })),
  );
  if (lines.length === 0) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'DISRUPTION',
    message: `--allow-disruption ${word} forbids what is asked for; nothing was sent`,
    violations: lines,
  });
}

/** The costliest of a step's changes, in words. */
export const stepCost = ({ changes }: Step): string => costText(worstDisruption(changes));

/** Carries a step out; tells what became of it. */
export async function carryOut(
  { client }: Session,
  { prepared, current, wanted, changes }: Step,
): Promise<{
  readonly resource: AnyResource;
  readonly word: 'created' | 'configured' | 'unchanged';
}> {
  const { type, manifest, resource } = prepared;
  if (current === undefined) {
    return { resource: await client.create(type, resource), word: 'created' };
  }
  if (changes.length === 0) return { resource: current, word: 'unchanged' };
  const { etag } = manifest.given;
  const stored = await client.update(type, wanted, maskOf(changes), etag);
  const isSame = stored.etag === current.etag;
  return { resource: stored, word: isSame ? 'unchanged' : 'configured' };
}

async function findCurrent(
  { client }: Session,
  { type, resource, manifest }: Prepared,
): Promise<AnyResource | undefined> {
  const { id } = manifest.given;
  if (isId(id)) {
    // Files may come from another installation, where names are the same and ids are not.
    const found = await client.findIfAny(type, id, {});
    if (found !== undefined) return found;
  }
  const projectId = type.scope === 'project' ? resource.projectId : '';
  return client.findIfAny(type, resource.name, { projectId });
}
