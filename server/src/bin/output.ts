/** How commands show resources: a table for people, YAML and JSON for programs, names for pipes. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import type { Format } from './formats.js';
import { namesOf, type Session } from './session.js';
import { fieldAt, referencedTypes, renderTable, type TableOptions, valueAt } from './table.js';
import { didYouMean } from './words/nearest.js';
import { type Document, toDocument } from './words/to-document.js';

/** Resources of one type. */
export interface Shown {
  readonly type: ResourceType;
  readonly resources: readonly AnyResource[];
}

/** Resources as text in a format; `isOne` where a single one was asked for by name. */
export async function render(
  session: Session,
  shown: readonly Shown[],
  { format, isOne }: { readonly format: Format; readonly isOne: boolean },
): Promise<string> {
  if (format === 'yaml' || format === 'json') {
    const documents = shown.flatMap(({ type, resources }) =>
      resources.map((one) => toDocument(type, one)),
    );
    if (format === 'json') return jsonText(documents, isOne);
    const { yamlText } = await import('./yaml-text.js');
    return yamlText(documents);
  }
  if (format === 'name') {
    const names = shown.flatMap(({ type, resources }) =>
      resources.map(({ name }) => `${type.type}/${name}\n`),
    );
    return names.join('');
  }
  const tables = await Promise.all(
    shown
      .filter(({ resources }) => resources.length > 0)
      .map(async ({ type, resources }) => {
        const options = await tableOptions(session, type, format === 'wide');
        return renderTable(type, resources, options);
      }),
  );
  return tables.join('\n');
}

/** How a type's rows are made in this session. */
export async function tableOptions(
  session: Session,
  type: ResourceType,
  isWide: boolean,
): Promise<TableOptions> {
  const hasProjects = session.projectId === '' && type.scope === 'project' && isWide;
  return {
    nameOf: await namesOf(session, referencedTypes(type)),
    isColoured: isColoured(session.cli),
    nowMs: session.cli.nowMs(),
    isWide,
    hasProjects,
  };
}

/** Whether text for people is coloured: on a terminal, unless NO_COLOR says otherwise. */
export const isColoured = ({ stdout, env }: Cli): boolean =>
  stdout.isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

/** Documents as JSON: a list, or the one that was asked for. */
export function jsonText(documents: readonly Document[], isOne: boolean): string {
  const value = isOne && documents.length === 1 ? documents[0] : documents;
  // What a double can't hold exactly is text, as in the protobuf JSON format.
  const exact = (_: string, item: unknown) => (typeof item === 'bigint' ? String(item) : item);
  return `${JSON.stringify(value, exact, 2)}\n`;
}

/** Sorts by a field's path, such as `status.phase` or `-created_at`. Throws INVALID_ARGUMENT. */
export function sortBy(
  type: ResourceType,
  resources: readonly AnyResource[],
  order: string,
): AnyResource[] {
  const isDescending = order.startsWith('-');
  const path = isDescending ? order.slice(1) : order;
  const found = fieldAt(type.message, path);
  const isValue = found?.field.fieldKind === 'scalar' || found?.field.fieldKind === 'enum';
  if (found === undefined || !(isValue || isTime(found.field.message?.typeName))) {
    const known = ['name', 'created_at', ...type.columns];
    throw new LimiError({
      code: Code.InvalidArgument,
      reason: 'INVALID_ARGUMENT',
      message: `can't sort ${type.plural} by "${path}"${didYouMean(path, known) || `; try ${known.join(', ')}`}`,
    });
  }
  const sign = isDescending ? -1 : 1;
  return resources
    .map((one) => ({ one, key: keyOf(valueAt(one, found)) }))
    .sort((a, b) => sign * compare(a.key, b.key))
    .map(({ one }) => one);
}

const isTime = (typeName: string | undefined): boolean =>
  typeName === 'google.protobuf.Timestamp' || typeName === 'google.protobuf.Duration';

function keyOf(value: unknown): string | number | bigint {
  if (typeof value === 'object' && value !== null && 'seconds' in value) {
    const { seconds, nanos } = value as { seconds: bigint; nanos: number };
    return seconds * 1_000_000_000n + BigInt(nanos);
  }
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return Number(value);
  return value === undefined ? '' : String(value);
}

function compare(a: string | number | bigint, b: string | number | bigint): number {
  if (typeof a === 'string' && typeof b === 'string')
    return a.localeCompare(b, 'en', { numeric: true });
  if (a === b) return 0;
  // What isn't set comes first.
  if (a === '') return -1;
  if (b === '') return 1;
  return a < b ? -1 : 1;
}
