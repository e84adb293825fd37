/**
 * Finds resources by a list's arguments: for data sources, and for list resources, which tell what
 * could be imported.
 */
import type { ResourceShape } from '../schema/resource-shape.js';
import { isObject, type ObjectValue, type Value } from '../value/value.js';
import { type Api, ApiError } from './api.js';
import { DiagnosticError, problem } from './diagnostic.js';
import type { AnyResource } from './fields.js';
import { resourceToValue } from './from-message.js';

/** A resource that was found. */
export interface Listed {
  readonly id: string;
  /** For people: what `terraform import` would take. */
  readonly displayName: string;
  readonly resource: ObjectValue;
}

/** How a list resource is asked. */
export interface ListQuestion {
  readonly config: ObjectValue;
  /** How many at most; 0 for all. */
  readonly countMax: number;
}

/** The resources that fit. Throws ApiError. */
export async function listMatching(
  shape: ResourceShape,
  { config, countMax }: ListQuestion,
  api: Api,
): Promise<Listed[]> {
  const found = await findByArguments(shape, { config, countMax }, api);
  return found.map((one) => ({
    id: one.id,
    displayName: one.projectId === '' ? one.name : `${one.projectId}/${one.name}`,
    resource: resourceToValue(shape, one),
  }));
}

/** The same as messages. Throws DiagnosticError for an argument that the server can't read. */
export async function findByArguments(
  shape: ResourceShape,
  { config, countMax }: ListQuestion,
  api: Api,
): Promise<AnyResource[]> {
  try {
    return await api.find(shape, {
      ...textEntry('projectId', config['project_id']),
      ...labelsEntry(config['labels']),
      ...textEntry('filter', config['filter']),
      orderBy: String(config['order_by'] ?? 'name'),
      ...(countMax > 0 ? { countMax } : {}),
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const ours = error.violations.filter(({ path }) => path in config);
    if (ours.length === 0) throw error;
    throw new DiagnosticError(
      ours.map(({ path, message }) =>
        problem(`Invalid ${path}`, `${path} ${message}`, [{ attribute: path }]),
      ),
    );
  }
}

/** The entry, where the value is a text. */
export function textEntry(key: string, value: Value | undefined): Record<string, string> {
  return typeof value === 'string' ? { [key]: value } : {};
}

function labelsEntry(value: Value | undefined): { labels?: Record<string, string> } {
  if (!isObject(value)) return {};
  return { labels: Object.fromEntries(Object.entries(value).map(([k, v]) => [k, String(v)])) };
}
