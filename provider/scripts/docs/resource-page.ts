/**
 * The docs pages of a resource type: the resource itself and its two data sources. Pure: the
 * examples come in as text.
 */
import { type DescFile, getOption } from '@bufbuild/protobuf';
import { comments as contractComments } from '@limiquantix/proto/comments.js';
import { Disruption, method as methodOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { DataSourceShape } from '../../src/schema/data-source-shape.js';
import { identityNote } from '../../src/schema/identity-schema.js';
import type { ResourceShape } from '../../src/schema/resource-shape.js';
import type { Attribute, ObjectShape } from '../../src/schema/shape.js';
import { schemaSection } from './attribute-lists.js';
import { codeBlock, page } from './page.js';

/** The files of `examples/` that a page shows. */
export interface Examples {
  /** HCL. */
  readonly usage: string;
  /** Shell; for a resource. */
  readonly imports?: string;
  /** HCL: importing by identity; for a resource. */
  readonly identity?: string;
}

/** The page of a resource. */
export function resourcePage(shape: ResourceShape, examples: Examples): string {
  return page({
    title: shape.typeName,
    kind: 'Resource',
    subcategory: subcategoryOf(shape),
    description: contractComments[shape.message.typeName] ?? '',
    sections: [
      `## Example Usage\n\n${codeBlock('terraform', examples.usage)}`,
      permissionSection(shape),
      disruptionSection(shape),
      schemaSection(shape.object),
      importSection(examples),
    ],
  });
}

function importSection({ imports = '', identity = '' }: Examples): string {
  return [
    '## Import',
    'By id, by name, or by project and name:',
    codeBlock('shell', imports),
    'From Terraform 1.12 on, by identity:',
    codeBlock('terraform', identity),
    `- \`id\` (String, required) ${identityNote}`,
  ].join('\n\n');
}

/** The page of a data source. */
export function dataSourcePage(source: DataSourceShape, examples: Examples): string {
  const about = contractComments[source.resource.message.typeName] ?? '';
  const verb = source.kind === 'one' ? 'get' : 'list';
  return page({
    title: source.typeName,
    kind: 'Data Source',
    subcategory: subcategoryOf(source.resource),
    description: `${source.kind === 'one' ? 'Reads one by its id or name.' : 'Lists them.'} ${about}`,
    sections: [
      `## Example Usage\n\n${codeBlock('terraform', examples.usage)}`,
      `## Permissions\n\nNeeds \`${source.resource.type}.${verb}\`.`,
      schemaSection(source.object),
    ],
  });
}

/** Where the registry's menu has a resource type. */
export const subcategoryOf = ({ message }: Pick<ResourceShape, 'message'>): string =>
  domainOf(message.file);

/** `limiquantix.compute.v1` → `Compute`. */
export function domainOf({ proto }: DescFile): string {
  const domain = proto.package.split('.')[1] ?? '';
  return domain.charAt(0).toUpperCase() + domain.slice(1);
}

/** What a token must be allowed to do, read from the methods' options. */
function permissionSection({ service, message }: ResourceShape): string {
  const needs: [string, readonly string[]][] = [
    ['Create', ['Create', 'Watch']],
    ['Refresh and import', ['Get', 'List', 'Watch']],
    ['Update', ['Update', 'Watch']],
    ['Delete', ['Delete', 'Watch']],
  ];
  const rows = needs.map(([what, verbs]) => {
    const permissions = service.methods
      .filter(({ name }) => verbs.some((verb) => name.startsWith(verb)))
      .filter(({ output }) => output.fields.some((field) => field.message === message))
      .map((method) => `\`${getOption(method, methodOption).permission}\``);
    return `| ${what} | ${[...new Set(permissions)].join(', ')} |`;
  });
  return ['## Permissions\n', '| To | the token needs |', '|---|---|', ...rows].join('\n');
}

const disruptionWords: readonly [Disruption, string][] = [
  [Disruption.NEXT_BOOT, 'Takes effect at the next boot'],
  [Disruption.RESTART, 'Restarts the workload'],
  [Disruption.MIGRATE, 'May move the workload to another node'],
  [Disruption.REPLACE, 'Replaces the resource'],
];

/** What each field costs to change; what is live needs no row. */
function disruptionSection({ header, spec }: ResourceShape): string {
  const byClass = new Map<Disruption, string[]>();
  const visit = (attributes: readonly Attribute[], path: string, isImmutable: boolean): void => {
    for (const { name, behavior, element, mode, role } of attributes) {
      if (mode === 'computed' || role === 'secret_version') continue;
      const at = path === '' ? name : `${path}.${name}`;
      const replaces = isImmutable || behavior.immutable;
      const cost = replaces ? Disruption.REPLACE : behavior.disruption;
      if (typeof element !== 'string' && !behavior.immutable) {
        visit((element as ObjectShape).attributes, at, replaces);
      } else byClass.set(cost, [...(byClass.get(cost) ?? []), `\`${at}\``]);
    }
  };
  visit([...header, ...spec.attributes], '', false);
  const rows = disruptionWords.flatMap(([cost, words]) => {
    const paths = byClass.get(cost);
    return paths === undefined ? [] : [`| ${words} | ${paths.join(', ')} |`];
  });
  const live = 'Everything else changes live.';
  if (rows.length === 0) return '## What a change costs\n\nEverything changes live.';
  return [
    '## What a change costs\n',
    '| Changing it | fields |',
    '|---|---|',
    ...rows,
    `\n${live}`,
  ].join('\n');
}
