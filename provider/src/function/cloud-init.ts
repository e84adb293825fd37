/**
 * The function `cloud_init`: user-data of several parts as one MIME message (RFC 2046 §5.1), the
 * same bytes for the same parts. Pure.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { isList, isObject, type ObjectValue, type Value } from '../value/value.js';
import { ArgumentError, type ProviderFunction } from './function.js';

/** The function. */
export const cloudInit: ProviderFunction = {
  name: 'cloud_init',
  summary: 'Puts several parts of user-data together for cloud-init.',
  description:
    'Gives a multi-part MIME message for `user_data`. Each part is an object with `content` and, if ' +
    "wanted, `content_type` (told from the content's first line without it), `filename` (`part-001` and " +
    'so on without it) and `merge_type` (how cloud-init merges a part with those before it). With ' +
    '`true` as the second argument, contents are compressed whose kind cloud-init tells from their ' +
    'first line; the others stay as they are.',
  parameters: [
    {
      name: 'parts',
      type: { kind: 'list', element: { kind: 'map', element: 'string' } },
      description:
        'The parts, in the order in which cloud-init handles them: objects with `content`, ' +
        '`content_type`, `filename` and `merge_type`, of which only `content` must be given.',
    },
  ],
  variadic: {
    name: 'gzip',
    type: 'bool',
    description: 'Whether contents are compressed; not, without it.',
  },
  returns: 'string',
  call: ([given, ...more]) => {
    if (more.length > 1) throw new ArgumentError(2, 'gzip may be given once');
    const parts = (isList(given) ? given : []).map(readPart);
    if (parts.length === 0) throw new ArgumentError(0, 'at least one part must be given');
    return archive(parts.map((part) => encodePart(part, more[0] === true)));
  },
};

interface Part {
  readonly content: string;
  readonly contentType: string;
  readonly filename: string;
  readonly mergeType: string | undefined;
}

/** What cloud-init tells a content's kind from (cloud-init's `user_data.py`). */
const contentTypes: readonly (readonly [string, string])[] = [
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config-jsonp', 'text/cloud-config-jsonp'],
  ['#cloud-config', 'text/cloud-config'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#part-handler', 'text/part-handler'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['## template: jinja', 'text/jinja2'],
  ['#!', 'text/x-shellscript'],
];

function toldType(content: string): string | undefined {
  return contentTypes.find(([start]) => content.startsWith(start))?.[1];
}

const partKeys = ['content', 'content_type', 'filename', 'merge_type'];
const headerText = /^[\x20-\x7e]+$/;

function readPart(given: Value, index: number): Part {
  const fail = (key: string, why: string): ArgumentError =>
    new ArgumentError(0, `parts[${index}]${key === '' ? '' : `.${key}`}: ${why}`);
  const part: ObjectValue = isObject(given) ? given : {};
  const stranger = Object.keys(part).find((key) => !partKeys.includes(key));
  if (stranger !== undefined) {
    throw fail('', `has no attribute "${stranger}"; there are ${partKeys.join(', ')}`);
  }
  const text = (key: string, isGood: (value: string) => boolean, why: string) => {
    const value = part[key] ?? null;
    if (value === null || value === '') return undefined;
    if (!isGood(String(value))) throw fail(key, why);
    return String(value);
  };
  const content = text('content', () => true, '');
  if (content === undefined) throw fail('content', 'must be given');
  const contentType =
    text(
      'content_type',
      (value) => /^[\w.+-]+\/[\w.+-]+$/.test(value),
      'must be a MIME type such as text/cloud-config',
    ) ?? toldType(content);
  if (contentType === undefined) {
    const why =
      "must be given: the content's first line doesn't tell it, as #cloud-config or #! do";
    throw fail('content_type', why);
  }
  const isName = (value: string): boolean => headerText.test(value) && !/["\\]/.test(value);
  const nameWords = 'must be printable ASCII without quotes and backslashes';
  const filename =
    text('filename', isName, nameWords) ?? `part-${String(index + 1).padStart(3, '0')}`;
  const mergeType = text('merge_type', (value) => headerText.test(value), 'must be one line');
  return { content, contentType, filename, mergeType };
}

/** A part with its headers. */
function encodePart({ content, contentType, filename, mergeType }: Part, gzip: boolean): string {
  const isCompressed = gzip && toldType(content) === contentType;
  const isPlain = !isCompressed && /^[\x20-\x7e\t\n]*$/.test(content) && !longLine.test(content);
  const body = isPlain ? content : base64Lines(isCompressed ? compress(content) : content);
  const type = isCompressed ? 'application/gzip' : `${contentType}; charset="utf-8"`;
  return [
    `Content-Type: ${type}`,
    'MIME-Version: 1.0',
    `Content-Transfer-Encoding: ${isPlain ? '7bit' : 'base64'}`,
    `Content-Disposition: attachment; filename="${filename}"`,
    ...(mergeType === undefined ? [] : [`X-Merge-Type: ${mergeType}`]),
    '',
    body,
  ].join('\n');
}

/** Longer than a line of a message may be (RFC 5322 §2.1.1). */
const longLine = /[^\n]{999}/;

/** The bytes say neither a time nor the system that they were made on. */
function compress(content: string): Buffer {
  const bytes = gzipSync(content, { level: 9 });
  bytes[operatingSystemByte] = unknownSystem;
  return bytes;
}

/** RFC 1952 §2.3. */
const operatingSystemByte = 9;
const unknownSystem = 255;

function base64Lines(content: string | Buffer): string {
  const text = Buffer.from(content).toString('base64');
  return text.match(/.{1,76}/g)?.join('\n') ?? '';
}

function archive(parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const boundary = `limiquantix-${hash.slice(0, 32)}`;
  const head = [`Content-Type: multipart/mixed; boundary="${boundary}"`, 'MIME-Version: 1.0', ''];
  const body = parts.map((part) => `--${boundary}\n${part}\n`);
  return `${head.join('\n')}\n${body.join('')}--${boundary}--\n`;
}
