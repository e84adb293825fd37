/**
 * Writes tables beside the generated messages: `gen/registry.ts`, all files of the contract;
 * `gen/types.ts`, the resource types, each loaded when it is asked for; `gen/resources.ts`, what
 * their options say, without a look at descriptors; `gen/comments.ts`, the
 * comment of each message, field, enum, value and method by its full name, which no descriptor has
 * at run time and the docs, the Terraform schema and the command line need; and
 * `gen/expressions.ts`, the parsed expressions of the contract's rules. The contract's image comes
 * from buf, or from the file that is named.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type DescFile, fromBinary, getOption, hasOption } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { serviceOf } from '../src/contract.js';
import { functions } from '../src/validation/expression.js';
import { parseExpressions } from './parse-expressions.js';

const [file] = process.argv.slice(2);
const image = file === undefined ? imageOfBuf() : readFileSync(file);
const set = fromBinary(FileDescriptorSetSchema, image);
const files = set.file.filter((file) => file.name.startsWith('limiquantix/'));

const comments: Record<string, string> = {};
for (const file of files) collect(file);

const sorted = Object.fromEntries(Object.entries(comments).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(
  'gen/comments.ts',
  `// Written by scripts/generate-tables.ts; not for editing.\nexport const comments: Readonly<Record<string, string>> = ${JSON.stringify(sorted, null, 1)};\n`,
);

const names = files.map((file) => file.name.replace(/\.proto$/, '')).sort();
const symbol = (name: string): string => `file_${name.replaceAll('/', '_')}`;
writeFileSync(
  'gen/registry.ts',
  [
    '// Written by scripts/generate-tables.ts; not for editing.',
    "import type { DescFile } from '@bufbuild/protobuf';",
    ...names.map((name) => `import { ${symbol(name)} } from './${name}_pb.js';`),
    '',
    '/** Every file of the contract. */',
    `export const contractFiles: readonly DescFile[] = [\n${names.map((name) => `  ${symbol(name)},\n`).join('')}];`,
    '',
  ].join('\n'),
);

const known = new Set([...Object.keys(functions), '||', '&&', '?:']);
writeFileSync(
  'gen/expressions.ts',
  [
    '// Written by scripts/generate-tables.ts; not for editing.',
    "import type { Expression } from '../src/validation/expression.js';",
    '',
    '/** The expressions of the contract that are rules, parsed, by their text. */',
    `export const expressions: Readonly<Record<string, Expression>> = ${JSON.stringify(parseExpressions(set, known))};`,
    '',
  ].join('\n'),
);

await writeTypes();
await writeResources();

/**
 * The resource types with how to load each. Reading all descriptors takes longer than all else that
 * a process of the Terraform provider does before its first answer, and it needs one or two.
 */
async function writeTypes(): Promise<void> {
  const { contractFiles } = (await import(
    '../gen/registry.js'
  )) as typeof import('../gen/registry.js');
  const options = await import('../gen/limiquantix/resource/v1/options_pb.js');
  const rows = contractFiles
    .flatMap(({ messages }) => messages)
    .flatMap((message) => {
      if (!hasOption(message, options.resource)) return [];
      const { type, plural, readOnly } = getOption(message, options.resource);
      const service = serviceOf(message, contractFiles);
      const at = (file: DescFile): string => `import('./${file.name}_pb.js')`;
      return [
        `  ${type}: {\n    plural: '${plural}',\n    readOnly: ${readOnly},\n` +
          `    load: async () => ({\n      message: (await ${at(message.file)}).${message.name}Schema,\n` +
          `      service: (await ${at(service.file)}).${service.name},\n    }),\n  },`,
      ];
    });
  writeFileSync(
    'gen/types.ts',
    [
      '// Written by scripts/generate-tables.ts; not for editing.',
      "import type { DescMessage, DescService } from '@bufbuild/protobuf';",
      '',
      '/** A resource type of the contract; its descriptors are read when they are asked for. */',
      'export interface LazyType {',
      '  readonly plural: string;',
      '  /** Whether no user makes or changes it. */',
      '  readonly readOnly: boolean;',
      '  readonly load: () => Promise<{ message: DescMessage; service: DescService }>;',
      '}',
      '',
      '/** Every resource type, by the name that the contract gives it. */',
      'export const lazyTypes: Readonly<Record<string, LazyType>> = {',
      ...rows.sort(),
      '};',
      '',
    ].join('\n'),
  );
}

/** The resource types, so that what lists and finds them needs no descriptor to be made. */
async function writeResources(): Promise<void> {
  const { contractFiles } = (await import(
    '../gen/registry.js'
  )) as typeof import('../gen/registry.js');
  const { resource, Readiness, Scope } = await import(
    '../gen/limiquantix/resource/v1/options_pb.js'
  );
  const imports: string[] = [];
  const from = (name: string, file: DescFile): string => {
    imports.push(`import { ${name} } from './${file.name}_pb.js';`);
    return name;
  };
  const rows = contractFiles
    .flatMap(({ messages }) => messages)
    .filter((message) => hasOption(message, resource))
    .map((message) => {
      const option = getOption(message, resource);
      const service = serviceOf(message, contractFiles);
      const facts = {
        type: option.type,
        plural: option.plural,
        typeName: message.typeName,
        scope: option.scope === Scope.INSTALLATION ? 'installation' : 'project',
        isShared: option.shared,
        isReadOnly: option.readOnly,
        readiness: option.readiness === Readiness.STORED ? 'stored' : 'condition',
        columns: option.columns,
      };
      const late = [
        `message: ${from(`${message.name}Schema`, message.file)}`,
        `service: ${from(service.name, service.file)}`,
      ];
      return `  { ${JSON.stringify(facts).slice(1, -1)}, ${late.join(', ')} },`;
    });
  const table = ['export const resourceRows: readonly ResourceRow[] = [', ...rows, '];', ''];
  writeFileSync('gen/resources.ts', [...resourcesHead(imports.sort()), ...table].join('\n'));
}

function resourcesHead(imports: readonly string[]): string[] {
  return [
    '// Written by scripts/generate-tables.ts; not for editing.',
    "import type { DescMessage, DescService } from '@bufbuild/protobuf';",
    ...imports,
    '',
    '/** A resource type, as the options of its message say it. */',
    'export interface ResourceRow {',
    '  readonly type: string;',
    '  readonly plural: string;',
    '  /** The full name of its message. */',
    '  readonly typeName: string;',
    "  readonly scope: 'project' | 'installation';",
    '  readonly isShared: boolean;',
    '  readonly isReadOnly: boolean;',
    "  readonly readiness: 'condition' | 'stored';",
    '  readonly columns: readonly string[];',
    '  readonly message: DescMessage;',
    '  readonly service: DescService;',
    '}',
    '',
    "/** Every resource type, in the order of the contract's files. */",
  ];
}

function imageOfBuf(): Buffer {
  return execFileSync('buf', ['build', '-o', '-#format=binpb', '--path', 'limiquantix'], {
    maxBuffer: 64 * 1024 * 1024,
  });
}

function collect(file: FileDescriptorProto): void {
  const byPath = new Map<string, string>();
  for (const location of file.sourceCodeInfo?.location ?? []) {
    const text = unwrap(location.leadingComments);
    if (text !== '') byPath.set(location.path.join('.'), text);
  }
  const note = (path: string, name: string): void => {
    const text = byPath.get(path);
    if (text !== undefined) comments[name] = text;
  };
  const visitEnum = (desc: EnumDescriptorProto, path: string, scope: string): void => {
    note(path, `${scope}.${desc.name}`);
    desc.value.forEach((value, i) => {
      note(`${path}.2.${i}`, `${scope}.${desc.name}.${value.name}`);
    });
  };
  const visitMessage = (desc: DescriptorProto, path: string, scope: string): void => {
    const name = `${scope}.${desc.name}`;
    note(path, name);
    desc.field.forEach((field, i) => {
      note(`${path}.2.${i}`, `${name}.${field.name}`);
    });
    desc.nestedType.forEach((nested, i) => {
      visitMessage(nested, `${path}.3.${i}`, name);
    });
    desc.enumType.forEach((nested, i) => {
      visitEnum(nested, `${path}.4.${i}`, name);
    });
  };
  file.messageType.forEach((desc, i) => {
    visitMessage(desc, `4.${i}`, file.package);
  });
  file.enumType.forEach((desc, i) => {
    visitEnum(desc, `5.${i}`, file.package);
  });
  file.service.forEach((service, i) => {
    note(`6.${i}`, `${file.package}.${service.name}`);
    service.method.forEach((method, j) => {
      note(`6.${i}.2.${j}`, `${file.package}.${service.name}.${method.name}`);
    });
  });
}

/** Joins the lines of a comment, keeping paragraphs. */
function unwrap(text: string): string {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s*\n\s*/g, ' ').trim())
    .join('\n\n');
}
