/**
 * The lists of attributes on a docs page, in the form that Terraform's registry gives them: what is
 * required, optional and read-only, and below it the same for each nested object. Pure.
 */

import { comments as contractComments } from '@limiquantix/proto/comments.js';
import { describeAttribute } from '../../src/schema/describe.js';
import type { Attribute, ObjectShape } from '../../src/schema/shape.js';

interface Nested {
  /** The anchor's name, such as `disks--volume`. */
  readonly anchor: string;
  /** As users write it, such as `disks.volume`. */
  readonly path: string;
  readonly shape: ObjectShape;
}

/** The section `Schema` of a page. */
export function schemaSection(shape: ObjectShape): string {
  const nested: Nested[] = [];
  const parts = ['## Schema', ...groups({ anchor: '', path: '', shape }, '###', nested)];
  for (let next = nested.shift(); next !== undefined; next = nested.shift()) {
    const inner: Nested[] = [];
    parts.push(`<a id="nestedatt--${next.anchor}"></a>\n### Nested Schema for \`${next.path}\``);
    parts.push(...groups(next, '', inner));
    nested.unshift(...inner);
  }
  return parts.join('\n\n');
}

const kinds = [
  ['Required', (mode: Attribute['mode']) => mode === 'required'],
  ['Optional', (mode: Attribute['mode']) => mode.startsWith('optional')],
  ['Read-Only', (mode: Attribute['mode']) => mode === 'computed'],
] as const;

function groups(at: Nested, heading: string, nested: Nested[]): string[] {
  return kinds.flatMap(([title, holds]) => {
    const attributes = at.shape.attributes.filter(({ mode }) => holds(mode));
    if (attributes.length === 0) return [];
    const sorted = attributes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const lines = sorted.map((attribute) => line(at, attribute, nested));
    return [heading === '' ? `${title}:` : `${heading} ${title}`, lines.join('\n')];
  });
}

const roleMarks: Readonly<Partial<Record<Attribute['role'], string>>> = {
  secret: ', Sensitive, Write-only',
  sensitive: ', Sensitive',
};

function line(at: Nested, attribute: Attribute, nested: Nested[]): string {
  const { name, element, role } = attribute;
  const marks = roleMarks[role] ?? '';
  const about = describeAttribute(attribute, contractComments).replaceAll(/\s*\n\s*/g, ' ');
  const head = `- \`${name}\` (${typeWords(attribute)}${marks}) ${about}`.trimEnd();
  if (typeof element === 'string') return head;
  const anchor = at.anchor === '' ? name : `${at.anchor}--${name}`;
  nested.push({ anchor, path: at.path === '' ? name : `${at.path}.${name}`, shape: element });
  return `${head} (see [below for nested schema](#nestedatt--${anchor}))`;
}

const elementWords = { string: 'String', number: 'Number', bool: 'Boolean' } as const;
const collectionWords = { one: '', list: 'List', set: 'Set', map: 'Map' } as const;

/** `String`, `Map of String`, `Attributes List`. */
function typeWords({ element, collection }: Attribute): string {
  const many = collectionWords[collection];
  if (typeof element !== 'string') return `Attributes ${many}`.trimEnd();
  const one = elementWords[element];
  return many === '' ? one : `${many} of ${one}`;
}
