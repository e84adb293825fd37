/**
 * `explain`: what the contract says of a type or a field: its comment, what it takes, what it is
 * without, and what changing it costs. Needs no control plane.
 */
import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { getOption, hasOption } from '@bufbuild/protobuf';
import { oneof as oneofOption } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { Code } from '@connectrpc/connect';
import { comments } from '@limiquantix/proto/comments.js';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { LimiError } from '../resource/error.js';
import { behaviorOf, findField, isPlainValue } from '../resource/field-access.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { isColoured } from './output.js';
import { kindText, rulesText } from './rules-text.js';
import { enumWord, enumWordsOf } from './words/enum-words.js';
import { findType } from './words/find-type.js';
import { nearest } from './words/nearest.js';

/** Prints what the contract says of `vm`, `vm.spec.cpu` or `vm.cpu.cores`. */
export function explain(cli: Cli, word: string, { isRecursive }: { isRecursive: boolean }): void {
  const [typeName = '', ...names] = word.split(/[./]/).filter((name) => name !== '');
  const type = findType(typeName);
  const { path, field, desc } = follow(type, names);
  const style = styleFor(isColoured(cli));
  const lines =
    field === undefined ? aboutType(type, style) : aboutField({ type, path, field, style });
  if (desc !== undefined) {
    lines.push('', style.heading('Fields'));
    lines.push(...fieldLines(desc, { style, isRecursive, indent: '  ', outer: [] }));
  }
  cli.stdout.write(`${lines.join('\n')}\n`);
}

interface Found {
  readonly path: readonly string[];
  readonly field: DescField | undefined;
  /** The message whose fields come next. */
  readonly desc: DescMessage | undefined;
}

function follow(type: ResourceType, names: readonly string[]): Found {
  let desc: DescMessage | undefined = type.message;
  let field: DescField | undefined;
  const path: string[] = [];
  for (const raw of names) {
    // A map's key says nothing of its entries: `disks["root"].bus` is `disks.bus`.
    const name = raw.replace(/\[.*\]$/, '');
    if (desc === undefined) throw unknown(`${[type.type, ...path].join('.')} has no fields`);
    let found: DescField | undefined = findField(desc, name);
    // `vm.cpu` as Terraform has it is `vm.spec.cpu`.
    if (found === undefined && desc === type.message && findField(type.spec, name)) {
      path.push('spec');
      desc = type.spec;
      found = findField(desc, name);
    }
    if (found === undefined) throw unknownField(type, desc, { path, name });
    field = found;
    path.push(name);
    desc = field.message !== undefined && !isPlainValue(field.message) ? field.message : undefined;
  }
  return { path, field, desc };
}

function unknownField(
  type: ResourceType,
  desc: DescMessage,
  { path, name }: { readonly path: readonly string[]; readonly name: string },
): LimiError {
  const names = desc.fields.map((field) => field.name);
  const place = [type.type, ...path].join('.');
  const spec = type.spec.fields.map((field) => field.name);
  const near = nearest(name, desc === type.message ? [...names, ...spec] : names);
  const remedy = near === undefined ? `it has ${names.join(', ')}` : `did you mean "${near}"?`;
  return unknown(`${place} has no field "${name}"; ${remedy}`);
}

const unknown = (message: string): LimiError =>
  new LimiError({ code: Code.InvalidArgument, reason: 'UNKNOWN_FIELD', message });

interface Style {
  readonly heading: (text: string) => string;
  readonly name: (text: string) => string;
}

function styleFor(isWanted: boolean): Style {
  const wrap = (code: number) => (text: string) =>
    isWanted ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { heading: wrap(1), name: wrap(36) };
}

function aboutType(type: ResourceType, style: Style): string[] {
  const { message, scope, methods } = type;
  const makers = methods.write === undefined ? 'LimiQuantix only' : 'you';
  return [
    ...labelled(style, [
      ['Type', type.type],
      ['Plural', type.plural],
      ['Names are unique', scope === 'project' ? 'in a project' : 'in the installation'],
      ['Made by', makers],
    ]),
    '',
    ...paragraph(comments[message.typeName] ?? ''),
    '',
    style.heading('Filters'),
    ...filterLines(type),
  ];
}

/** How resources of a type are picked: by terms, and by an expression over the same fields. */
function filterLines({ plural, status }: ResourceType): string[] {
  const [word = ''] = phaseWords(status);
  const [term, expression] =
    word === ''
      ? ['name=web', 'name == "web"']
      : [`status.phase=${word}`, `status.phase == "${word}"`];
  return [
    `  limiquantix get ${plural} --filter '${term} AND labels.app=web'`,
    `  limiquantix get ${plural} --filter '${expression} && !("app" in labels)'`,
  ];
}

function phaseWords({ field }: DescMessage): string[] {
  const desc = field['phase']?.enum;
  const values = desc?.values.filter(({ number }) => number > 0) ?? [];
  return desc === undefined ? [] : values.map(({ number }) => enumWord(desc, number));
}

interface FieldQuestion {
  readonly type: ResourceType;
  readonly path: readonly string[];
  readonly field: DescField;
  readonly style: Style;
}

function aboutField({ type, path, field, style }: FieldQuestion): string[] {
  const behavior = behaviorOf(field);
  const isIntent = path[0] !== 'status' && !behavior.outputOnly;
  const others = (field.oneof?.fields ?? []).filter((other) => other !== field);
  const facts: [string, string][] = [
    ['Field', `${type.type}.${path.join('.')}`],
    ['Kind', kindText(field)],
    ['Unit', behavior.unit],
    ['Set by', isIntent ? '' : 'LimiQuantix'],
    ['Required', isIntent && behavior.required ? 'yes' : ''],
    ['Default', isIntent ? defaultText(field, behavior.default) : ''],
    ['Rules', rulesText(field).join('; ')],
    ['Refers to', behavior.reference],
    ['Instead of', others.map(({ name }) => name).join(', ')],
    ['Secret', behavior.secret ? 'yes: it is taken and never shown' : ''],
    ['Changing it', isIntent ? changeText(field) : ''],
  ];
  return [
    ...labelled(style, facts),
    '',
    ...paragraph(comments[`${field.parent.typeName}.${field.name}`] ?? ''),
    ...(field.enum === undefined ? [] : valueLines(field as EnumField, style)),
  ];
}

function changeText(field: DescField): string {
  const { immutable, growOnly, disruption } = behaviorOf(field);
  const limits = growOnly ? '; it may grow and never shrink' : '';
  if (immutable) return `not possible: a new resource takes its place${limits}`;
  switch (disruption) {
    case Disruption.NEXT_BOOT:
      return `takes effect at the next boot${limits}`;
    case Disruption.RESTART:
      return `restarts what runs${limits}`;
    case Disruption.MIGRATE:
      return `may move it to another node${limits}`;
    case Disruption.REPLACE:
      return `replaces the resource${limits}`;
    case Disruption.LIVE:
      return `takes effect at once${limits}`;
    default:
      // An object's own fields say it.
      return field.message === undefined || growOnly ? `takes effect at once${limits}` : '';
  }
}

function defaultText({ enum: desc }: DescField, json: string): string {
  if (json === '') return '';
  const value: unknown = JSON.parse(json);
  if (desc === undefined) return typeof value === 'string' ? value : json;
  const found = desc.values.find(({ name, number }) => name === value || number === value);
  return found === undefined ? String(value) : enumWord(desc, found.number);
}

type EnumField = DescField & { readonly enum: DescEnum };

function valueLines(field: EnumField, style: Style): string[] {
  const words = enumWordsOf(field);
  const width = Math.max(...words.map((word) => word.length));
  const lines = field.enum.values.flatMap(({ name, number }) => {
    const word = enumWord(field.enum, number);
    if (!words.includes(word)) return [];
    const comment = firstLine(comments[`${field.enum.typeName}.${name}`] ?? '');
    return [`  ${style.name(word.padEnd(width))}  ${comment}`.trimEnd()];
  });
  return ['', style.heading('Values'), ...lines];
}

interface FieldsOptions {
  readonly style: Style;
  readonly isRecursive: boolean;
  readonly indent: string;
  readonly outer: readonly DescMessage[];
}

function fieldLines(desc: DescMessage, options: FieldsOptions): string[] {
  const { style, isRecursive, indent, outer } = options;
  return desc.fields.flatMap((field) => {
    const { required, outputOnly, secret } = behaviorOf(field);
    const notes = [
      required && !outputOnly && 'required',
      outputOnly && 'set by LimiQuantix',
      secret && 'secret',
      isOneofOf(field),
    ].filter(Boolean);
    const kind = `<${kindText(field)}>`;
    const note = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
    const head = `${indent}${style.name(field.name)} ${kind}${note}`;
    const text = firstLine(comments[`${desc.typeName}.${field.name}`] ?? '');
    const inner = field.message;
    const goesOn =
      isRecursive && inner !== undefined && !isPlainValue(inner) && !outer.includes(inner);
    const below = goesOn
      ? fieldLines(inner, { ...options, indent: `${indent}  `, outer: [...outer, desc] })
      : [];
    return isRecursive ? [head, ...below] : [head, `${indent}    ${text}`];
  });
}

function isOneofOf({ oneof }: DescField): string {
  if (oneof === undefined) return '';
  const isRequired = hasOption(oneof, oneofOption) && getOption(oneof, oneofOption).required;
  return `${isRequired ? 'one' : 'at most one'} of ${oneof.fields.map(({ name }) => name).join(', ')}`;
}

function labelled(style: Style, facts: readonly (readonly [string, string])[]): string[] {
  const given = facts.filter(([, value]) => value !== '');
  const width = Math.max(...given.map(([label]) => label.length)) + 1;
  return given.map(([label, value]) => `${style.heading(`${label}:`.padEnd(width))} ${value}`);
}

/** Text is broken at this column. */
const columnsMax = 80;

function paragraph(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const lines = [''];
    for (const word of line.split(' ')) {
      const last = lines.at(-1) ?? '';
      if (last !== '' && last.length + word.length + 1 > columnsMax) lines.push(word);
      else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
    }
    return lines;
  });
}

const firstLine = (text: string): string => text.replaceAll('\n', ' ');

/** All types with the first sentence of what they are. */
export function listTypes(cli: Cli): void {
  const style = styleFor(isColoured(cli));
  const width = Math.max(...contractTypes.types.map(({ type }) => type.length));
  const lines = contractTypes.types.map(({ type, message }) => {
    const [sentence] = firstLine(comments[message.typeName] ?? '').split(/(?<=\.) /);
    return `${style.name(type.padEnd(width))}  ${sentence ?? ''}`;
  });
  cli.stdout.write(`${lines.join('\n')}\n`);
}
