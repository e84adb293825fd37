/**
 * Resources as text for people: the contract's columns in a table, enum values in words, sizes and
 * times as they are read, names in place of ids where they are known. Pure.
 */
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Condition, ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { behaviorOf, findField, readField } from '../resource/field-access.js';
import { readyOf } from '../resource/ready.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { enumWord } from './words/enum-words.js';
import { isSizeUnit, sizeText, spanText, timeText } from './words/numbers.js';

/** The name of a resource, by its type and id; undefined where it isn't known. */
export type NameOf = (type: TypeName, id: string) => string | undefined;

/** How rows are made. */
export interface TableOptions {
  readonly nameOf: NameOf;
  /** Colours for a terminal. */
  readonly isColoured: boolean;
  readonly nowMs: number;
  /** Ids and labels as well. */
  readonly isWide: boolean;
  /** Which project each is in. */
  readonly hasProjects: boolean;
}

/** A table with a line of headings. */
export function renderTable(
  type: ResourceType,
  resources: readonly AnyResource[],
  options: TableOptions,
): string {
  const columns = columnsOf(type, options);
  const rows = resources.map((one) => rowOf(columns, one));
  return renderRows(
    columns.map(({ heading }) => heading),
    rows,
    options.isColoured,
  );
}

/** Rows under headings, in columns as wide as their widest cell. */
export function renderRows(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  isColoured: boolean,
): string {
  const widths = headings.map((heading, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), heading.length),
  );
  const lines = [headings, ...rows].map((row, index) => {
    const cells = row.map((cell, column) => {
      const padded = column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
      return isColoured ? coloured(cell, padded, index === 0) : padded;
    });
    return cells.join('  ').trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

/** One line without alignment, for watching. */
export function renderLine(
  type: ResourceType,
  resource: AnyResource,
  options: TableOptions,
): string {
  const cells = rowOf(columnsOf(type, options), resource);
  return cells.map((cell) => (options.isColoured ? coloured(cell, cell, false) : cell)).join('  ');
}

/** The types that a type's columns refer to. */
export function referencedTypes(type: ResourceType): TypeName[] {
  const found = type.columns.map((path) => fieldAt(type.message, path)?.field);
  const types = found.map((field) => (field === undefined ? '' : behaviorOf(field).reference));
  return [...new Set(types)].filter((name) => name !== '');
}

/** Whether a resource is as wanted, in one word and why not. */
export function readiness(resource: AnyResource): string {
  if (resource.deletionRequestedAt !== undefined) return 'deleting';
  const condition: Condition | undefined = readyOf(resource.status?.conditions);
  if (condition === undefined || resource.status?.observedGeneration !== resource.generation) {
    return 'no';
  }
  if (condition.status === ConditionStatus.TRUE) return 'yes';
  const word = condition.status === ConditionStatus.FAILED ? 'failed' : 'no';
  return condition.reason === '' ? word : `${word} (${condition.reason})`;
}

/** A field, and the messages on the way to it. */
export interface FoundField {
  readonly steps: readonly DescField[];
  readonly field: DescField;
}

/** The field at a path such as `status.node_id`; undefined where there is none. */
export function fieldAt(root: DescMessage, path: string): FoundField | undefined {
  const names = path.split('.');
  const steps: DescField[] = [];
  let desc: DescMessage | undefined = root;
  for (const [index, name] of names.entries()) {
    const field: DescField | undefined = desc === undefined ? undefined : findField(desc, name);
    if (field === undefined) return undefined;
    if (index === names.length - 1) return { steps, field };
    steps.push(field);
    desc = field.fieldKind === 'message' ? field.message : undefined;
  }
  return undefined;
}

/** The value of a field that was found; undefined where it or what leads to it isn't set. */
export function valueAt(resource: Message, { steps, field }: FoundField): unknown {
  let message: Message | undefined = resource;
  for (const step of steps) {
    message = message === undefined ? undefined : (readField(message, step) as Message | undefined);
  }
  return message === undefined ? undefined : readField(message, field);
}

interface Column {
  readonly heading: string;
  readonly cell: (resource: AnyResource) => string;
}

const rowOf = (columns: readonly Column[], resource: AnyResource): string[] =>
  columns.map(({ cell }) => cell(resource) || '-');

function columnsOf(type: ResourceType, options: TableOptions): Column[] {
  const own = type.columns.flatMap((path) => {
    const found = fieldAt(type.message, path);
    return found === undefined ? [] : [contractColumn(path, found, options)];
  });
  const { hasProjects, isWide, nowMs } = options;
  const columns: (Column | false)[] = [
    hasProjects &&
      type.scope === 'project' && {
        heading: 'PROJECT',
        cell: ({ projectId }) => projectId,
      },
    { heading: 'NAME', cell: ({ name }) => name },
    type.readiness === 'condition' && { heading: 'READY', cell: readiness },
    ...own,
    !type.columns.includes('created_at') && { heading: 'AGE', cell: (one) => ageOf(one, nowMs) },
    isWide && { heading: 'ID', cell: ({ id }) => id },
    isWide && { heading: 'LABELS', cell: ({ labels }) => labelsText(labels) },
  ];
  return columns.filter((column) => column !== false);
}

const ageOf = ({ createdAt }: AnyResource, nowMs: number): string =>
  createdAt === undefined ? '' : spanText(nowMs - timestampMs(createdAt));

/** Labels as `-l` takes them. */
export const labelsText = (labels: AnyResource['labels']): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');

function contractColumn(path: string, found: FoundField, options: TableOptions): Column {
  const isSize = isSizeUnit(behaviorOf(found.field).unit);
  const heading = path
    .replace(/^(status|spec)\./, '')
    .replace(isSize ? /_(bytes|mib|gib)$/ : /_(id|at)$/, '')
    .replaceAll(/[._]/g, ' ')
    .toUpperCase();
  return { heading, cell: (one) => text(found.field, valueAt(one, found), options) };
}

function text(field: DescField, value: unknown, { nameOf, nowMs }: TableOptions): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map(String).join(',');
  if (field.fieldKind === 'enum') return enumWord(field.enum, Number(value));
  if (field.message?.typeName === 'google.protobuf.Timestamp') {
    return timeText(timestampMs(value as Timestamp), nowMs);
  }
  const { reference, unit } = behaviorOf(field);
  if (isSizeUnit(unit)) return sizeText(Number(value), unit);
  if (field.fieldKind === 'scalar' && value === true) return 'yes';
  return (reference === '' ? undefined : nameOf(reference, String(value))) ?? String(value);
}

const good = new Set([
  'yes',
  'ready',
  'running',
  'available',
  'in_use',
  'up',
  'active',
  'succeeded',
  'allocated',
]);
const bad = new Set([
  'failed',
  'crashed',
  'lost',
  'not_ready',
  'degraded',
  'offline',
  'down',
  'error',
]);

function coloured(cell: string, padded: string, isHeading: boolean): string {
  if (isHeading) return `\u001b[1m${padded}\u001b[0m`;
  const word = cell.split(' ', 1)[0] ?? '';
  if (good.has(word)) return `\u001b[32m${padded}\u001b[0m`;
  if (bad.has(word)) return `\u001b[31m${padded}\u001b[0m`;
  return padded;
}
