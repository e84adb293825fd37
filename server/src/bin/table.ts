/**
 * Resources as text for people: the contract's columns in a table, words of enums in lower case,
 * names in place of ids where they are known. Pure.
 */
import type { DescEnum, DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { type Condition, ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { behaviorOf, findField, readField } from '../resource/field-access.js';
import { readyOf } from '../resource/ready.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';

/** The name of a resource, by its type and id; undefined where it isn't known. */
export type NameOf = (type: TypeName, id: string) => string | undefined;

/** How rows are made. */
export interface TableOptions {
  readonly nameOf: NameOf;
  /** Colours for a terminal. */
  readonly isColoured: boolean;
}

/** A table with a line of headings. */
export function renderTable(
  type: ResourceType,
  resources: readonly AnyResource[],
  options: TableOptions,
): string {
  const rows = [headingsOf(type), ...resources.map((one) => cellsOf(type, one, options.nameOf))];
  const widths = headingsOf(type).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const padded = column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
      return options.isColoured ? coloured(cell, padded, index === 0) : padded;
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
  const cells = cellsOf(type, resource, options.nameOf);
  return cells.map((cell) => (options.isColoured ? coloured(cell, cell, false) : cell)).join('  ');
}

/** The types that a type's columns refer to. */
export function referencedTypes(type: ResourceType): TypeName[] {
  const found = type.columns.map((path) => fieldAt(type.message, path)?.field);
  const types = found.map((field) => (field === undefined ? '' : behaviorOf(field).reference));
  return [...new Set(types)].filter((name) => name !== '');
}

function headingsOf(type: ResourceType): string[] {
  const named = type.columns.map((path) =>
    path
      .replace(/^(status|spec)\./, '')
      .replace(/_id$/, '')
      .replaceAll(/[._]/g, ' ')
      .toUpperCase(),
  );
  return ['NAME', ...(type.readiness === 'condition' ? ['READY'] : []), ...named];
}

function cellsOf(type: ResourceType, resource: AnyResource, nameOf: NameOf): string[] {
  const values = type.columns.map((path) => cellAt(type, resource, path, nameOf));
  const ready = type.readiness === 'condition' ? [readiness(resource)] : [];
  return [resource.name, ...ready, ...values].map((cell) => (cell === '' ? '-' : cell));
}

function readiness(resource: AnyResource): string {
  if (resource.deletionRequestedAt !== undefined) return 'deleting';
  const condition: Condition | undefined = readyOf(resource.status?.conditions);
  if (condition === undefined || resource.status?.observedGeneration !== resource.generation) {
    return 'no';
  }
  if (condition.status === ConditionStatus.TRUE) return 'yes';
  return condition.status === ConditionStatus.FAILED ? 'failed' : `no (${condition.reason})`;
}

function cellAt(type: ResourceType, resource: AnyResource, path: string, nameOf: NameOf): string {
  const found = fieldAt(type.message, path);
  if (found === undefined) return '';
  let message: Message | undefined = resource;
  for (const step of found.steps) {
    message = message === undefined ? undefined : (readField(message, step) as Message | undefined);
  }
  if (message === undefined) return '';
  return text(found.field, readField(message, found.field), nameOf);
}

function fieldAt(
  root: DescMessage,
  path: string,
): { readonly steps: readonly DescField[]; readonly field: DescField } | undefined {
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

function text(field: DescField, value: unknown, nameOf: NameOf): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map(String).join(',');
  if (field.fieldKind === 'enum') return enumWord(field.enum, Number(value));
  const { reference } = behaviorOf(field);
  return (reference === '' ? undefined : nameOf(reference, String(value))) ?? String(value);
}

/** `VOLUME_PHASE_IN_USE` → `in use`. */
function enumWord(desc: DescEnum, number: number): string {
  const name = desc.value[number]?.name ?? String(number);
  const word = name
    .slice((desc.sharedPrefix ?? '').length)
    .replaceAll('_', ' ')
    .toLowerCase();
  return word === 'unspecified' ? '' : word;
}

const good = new Set(['yes', 'ready', 'running', 'available', 'in use', 'up']);
const bad = new Set(['failed', 'crashed', 'lost', 'not ready', 'degraded']);

function coloured(cell: string, padded: string, isHeading: boolean): string {
  if (isHeading) return `\u001b[1m${padded}\u001b[0m`;
  if (good.has(cell)) return `\u001b[32m${padded}\u001b[0m`;
  if (bad.has(cell)) return `\u001b[31m${padded}\u001b[0m`;
  return padded;
}
