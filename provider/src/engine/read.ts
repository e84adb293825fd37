/**
 * Refreshing, importing and reading: from what the server has to what Terraform keeps, in the
 * user's way of writing wherever that means the same.
 */
import type { DataSourceShape } from '../schema/data-source-shape.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { computedShape } from '../schema/shape.js';
import { parseReference } from '../value/reference.js';
import { isUnknown, type ObjectValue, record, type Value } from '../value/value.js';
import type { Api } from './api.js';
import { DiagnosticError, problem } from './diagnostic.js';
import type { AnyResource } from './fields.js';
import { resourceToData, resourceToValue } from './from-message.js';
import { keepPrior } from './keep-prior.js';
import { findByArguments, textEntry } from './list.js';
import { formOf, originOf } from './origin.js';
import type { Origin } from './private-state.js';

/** A resource's state and what it was made from. */
export interface ReadState {
  readonly state: ObjectValue;
  readonly origin: Origin;
  readonly etag: string;
}

/** The resource's state now; null if it is gone. Throws ApiError. */
export async function readResource(
  shape: ResourceShape,
  prior: ObjectValue,
  api: Api,
): Promise<ReadState | null> {
  const resource = await api.get(shape, String(prior['id']));
  if (resource === undefined) return null;
  const state = keepPrior(shape.object, prior, resourceToValue(shape, resource));
  return { state, origin: originOf(shape, resource), etag: resource.etag };
}

/** Whether the state that came from there is still what a read would give. Throws ApiError. */
export async function isCurrent(
  shape: ResourceShape,
  origin: Origin | undefined,
  api: Api,
): Promise<boolean> {
  if (origin === undefined || origin.form !== formOf(shape)) return false;
  return api.hasRevision(shape, origin.id, BigInt(origin.revision));
}

/**
 * The state to begin an import with: only the id, since Terraform refreshes it next. `text` is an
 * id, a name, or a project and a name with a slash between. Throws ApiError and DiagnosticError.
 */
export async function importResource(
  shape: ResourceShape,
  text: string,
  api: Api,
): Promise<ObjectValue> {
  const { id = (await findOne(shape, text, api)).id } = parseReference(text) ?? {};
  const nulls = shape.object.attributes.map(({ name }) => [name, null] as const);
  return record([...nulls, ['id', id]]);
}

async function findOne(shape: ResourceShape, text: string, api: Api): Promise<AnyResource> {
  const { name = text, projectId } = parseReference(text) ?? {};
  const found = await api.find(shape, { name, ...textEntry('projectId', projectId) });
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const detail =
    only === undefined
      ? `there is no ${shape.type} named "${name}"; give its id or its name`
      : `${found.length} are named "${name}", in the projects ` +
        `${found.map((one) => one.projectId).join(', ')}; give the id, or <project>/<name>`;
  throw new DiagnosticError([problem(`Cannot import ${shape.typeName} "${text}"`, detail)]);
}

/** What a data source holds. Throws ApiError and DiagnosticError. */
export async function readDataSource(
  source: DataSourceShape,
  config: ObjectValue,
  api: Api,
): Promise<ObjectValue> {
  const { resource: shape } = source;
  if (source.kind === 'one') {
    const found = await readOne(source, config, api);
    return resourceToData(source.object, found);
  }
  const found = await findByArguments(shape, { config, countMax: 0 }, api);
  const items = computedShape(shape.object);
  const values = found.map((one) => resourceToData(items, one));
  return record([...Object.entries(config), [shape.plural, values]]);
}

async function readOne(
  { resource: shape }: DataSourceShape,
  config: ObjectValue,
  api: Api,
): Promise<AnyResource> {
  const { id, name } = config;
  const named = typeof name === 'string' ? name : undefined;
  const project = config['project_id'];
  const found =
    typeof id === 'string'
      ? await api.get(shape, id)
      : (
          await api.find(shape, {
            ...textEntry('name', name),
            ...textEntry('projectId', project ?? defaultProject(shape)),
          })
        )[0];
  const isIn = typeof project !== 'string' || found?.projectId === project;
  if (found !== undefined && isIn) return found;
  const by = named === undefined ? `the id "${String(id)}"` : `the name "${named}"`;
  throw new DiagnosticError([
    problem(`No such ${shape.typeName}`, `there is no ${shape.type} with ${by}`, [
      { attribute: named === undefined ? 'id' : 'name' },
    ]),
  ]);
}

/** Judges a data source's configuration. */
export function validateDataSource(source: DataSourceShape, config: ObjectValue): void {
  if (source.kind !== 'one') return;
  const { id = null, name = null } = config;
  if (isUnknown(id) || isUnknown(name) || (id === null) !== (name === null)) return;
  const detail =
    id === null ? 'either id or name must be given' : 'only one of id and name may be given';
  throw new DiagnosticError([problem(`Invalid ${source.typeName}`, detail)]);
}

function defaultProject(shape: ResourceShape): Value {
  const json = shape.object.byName.get('project_id')?.behavior.default ?? '';
  return json === '' ? null : (JSON.parse(json) as Value);
}
