/**
 * Plans a change. What the user wrote is taken word for word; what LimiQuantix decides keeps its
 * value where the change can't touch it and is unknown elsewhere.
 */
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Attribute } from '../schema/shape.js';
import { type AttributePath, pathText } from '../value/path.js';
import {
  isNumber,
  isObject,
  numberText,
  type ObjectValue,
  record,
  UNKNOWN,
  type Value,
} from '../value/value.js';
import { type Change, changes } from './changes.js';
import { type Diagnostic, problem } from './diagnostic.js';
import { disruptionDiagnostics } from './disruption.js';
import type { Files } from './files.js';
import { withoutSecrets } from './overlay.js';
import type { PrivateState } from './private-state.js';
import { planStatus } from './status-plan.js';
import { planUploads } from './upload-plan.js';

/** A change to plan. */
export interface PlanQuestion {
  /** Null for a new resource. */
  readonly prior: ObjectValue | null;
  /** Null to delete it. */
  readonly config: ObjectValue | null;
  readonly private: PrivateState;
}

/** A planned change. */
export interface Plan {
  readonly planned: ObjectValue | null;
  readonly replace: readonly AttributePath[];
  readonly private: PrivateState;
  readonly diagnostics: readonly Diagnostic[];
  /** Whether what is wanted of a resource that is there changes. */
  readonly changesSpec: boolean;
  /** Names of attributes that refer to what changes in the same plan, and changes this with it. */
  readonly follows: readonly string[];
}

/** What planning needs from outside. */
export interface PlanEffects {
  readonly files: Files;
  /** A word that is never used twice. */
  readonly newRequestId: () => string;
  /** The most that the provider's configuration allows a change to cost; undefined for all. */
  readonly disruptionLimit?: Disruption | undefined;
  /** Whether the same plan changes what is wanted of the resource with an id. */
  readonly isChanging?: ((id: string) => boolean) | undefined;
}

/** Plans to create, change or delete a resource. */
export async function planResource(
  shape: ResourceShape,
  { prior, config, private: kept }: PlanQuestion,
  { files, newRequestId, disruptionLimit, isChanging }: PlanEffects,
): Promise<Plan> {
  if (config === null) return planDeletion(shape, prior, kept);
  const written = withoutSecrets(shape.object, config);
  const uploads = await planUploads(shape.spec, written, files, kept.files ?? {});
  const spec = uploads.value;
  const header = shape.header.map(
    (attribute) =>
      [attribute.name, headerValue(attribute, written[attribute.name] ?? null, prior)] as const,
  );
  const planned = record([...Object.entries(spec), ...header]);
  for (const { name } of shape.own) planned[name] = written[name] ?? null;
  const changed = prior === null ? [] : changes(shape.object.attributes, prior, planned);
  const isSpecChanged = prior === null || changed.some((change) => isSpec(shape, change));
  // What it follows changes it as well, and apply waits until it has followed.
  const follows = shape.followed.filter((name) => isChanging?.(String(planned[name])) === true);
  planned['status'] =
    isSpecChanged || follows.length > 0
      ? planStatus(shape, { prior, planned, mayMove: changed.some(moves) })
      : (prior?.['status'] ?? null);
  return {
    planned,
    replace: changed.filter(({ replaces }) => replaces).map(({ path }) => path),
    private: {
      ...(Object.keys(uploads.files).length > 0 ? { files: uploads.files } : {}),
      ...(prior === null ? { requestId: kept.requestId ?? newRequestId() } : {}),
      ...(kept.origin === undefined ? {} : { origin: kept.origin }),
      ...(prior === null || kept.etag === undefined ? {} : { etag: kept.etag }),
    },
    diagnostics: [
      ...uploads.diagnostics,
      ...shrinkDiagnostics(changed),
      ...disruptionDiagnostics({ shape, changed, planned, providerLimit: disruptionLimit }),
    ],
    changesSpec: prior !== null && isSpecChanged,
    follows: prior === null ? [] : follows,
  };
}

function planDeletion(shape: ResourceShape, prior: ObjectValue | null, kept: PrivateState): Plan {
  const isProtected = prior?.['protected'] === true;
  const detail =
    `${shape.typeName} "${String(prior?.['name'])}" is protected: set protected = false, apply that, ` +
    'and delete it then';
  return {
    planned: null,
    replace: [],
    private: kept,
    changesSpec: false,
    follows: [],
    diagnostics: isProtected
      ? [problem('A protected resource would be deleted', detail, [{ attribute: 'protected' }])]
      : [],
  };
}

/** A header's value: as written, as before, or as the contract's default says. */
function headerValue(attribute: Attribute, written: Value, prior: ObjectValue | null): Value {
  if (attribute.mode === 'required' || attribute.mode === 'optional') return written;
  if (written !== null) return written;
  if (prior !== null) return prior[attribute.name] ?? null;
  const { default: json } = attribute.behavior;
  return json === '' ? UNKNOWN : (JSON.parse(json) as Value);
}

function isSpec(shape: ResourceShape, { path }: Change): boolean {
  const [root] = path;
  return root !== undefined && 'attribute' in root && shape.spec.byName.has(root.attribute);
}

function moves({ disruption }: Change): boolean {
  return disruption === Disruption.MIGRATE;
}

/** Tells of numbers that would have to shrink and can't. A replacement can. */
function shrinkDiagnostics(changed: readonly Change[]): Diagnostic[] {
  if (changed.some(({ replaces }) => replaces)) return [];
  return changed.filter(shrinks).map(({ path, attribute, before, after }) => {
    const [from, to] = [String(before), String(after)];
    const detail =
      `${pathText(path)}: can't shrink from ${from} to ${to} ${attribute.behavior.unit}; ` +
      `give ${from} or more, or make a new one`;
    return problem('The change is not possible', detail, path);
  });
}

function shrinks({ attribute, before, after }: Change): boolean {
  if (!attribute.behavior.growOnly || !isNumber(before) || !isNumber(after)) return false;
  return Number(numberText(after)) < Number(numberText(before));
}

/** Whether a value is an object; what Terraform sends for a resource is one or null. */
export function resourceValue(value: Value): ObjectValue | null {
  return isObject(value) ? value : null;
}
