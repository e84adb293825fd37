/**
 * The bundler's plugin that has the descriptors of the contract's files made when they are first
 * looked at, and read by `src/binary`. The library makes all when they are loaded, which takes most
 * of the time of a short process.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const source = (name: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../src/binary/${name}.ts`, import.meta.url)));
const late = source('late-descriptors');

/** Asks a late file, and goes on as the library does where the file is none. */
const askFirst = (kind: string) => [
  `export function ${kind}Desc(file, path, ...paths) {`,
  `import { lateDescriptor } from ${late};
export function ${kind}Desc(file, path, ...paths) {
    const found = lateDescriptor(file, "${kind === 'ext' ? 'extension' : kind}", [path, ...paths]);
    if (found !== undefined) return found;`,
];

/** What is replaced in the library's modules; each must be there once. */
const changes: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'codegenv2/message': [askFirst('message')],
  'codegenv2/enum': [askFirst('enum')],
  'codegenv2/service': [askFirst('service')],
  'codegenv2/extension': [askFirst('ext')],
  registry: [
    ['import { ScalarType', `import { adopt } from ${late};\nimport { ScalarType`],
    ['function createBaseRegistry() {', 'export function createBaseRegistry() {'],
    ['\nfunction addFile(proto, reg) {', '\nexport function addFile(proto, reg) {'],
    ['const file = {\n        kind: "file",', 'const file = adopt({\n        kind: "file",'],
    [
      `return \`file \${proto.name}\`;\n        },\n    };`,
      `return \`file \${proto.name}\`;\n        },\n    });`,
    ],
    ...['message', 'enum', 'service'].flatMap((kind) => [
      [
        `const desc = {\n        kind: "${kind}",`,
        `const desc = adopt({\n        kind: "${kind}",`,
      ],
      [
        `return \`${kind} \${this.typeName}\`;\n        },\n    };`,
        `return \`${kind} \${this.typeName}\`;\n        },\n    });`,
      ],
    ]),
  ],
};

const file = `import ${late};
import { addFile, createBaseRegistry } from "../registry.js";
import { restoreJsonNames } from "./restore-json-names.js";
import { FileDescriptorProtoSchema } from "../wkt/gen/google/protobuf/descriptor_pb.js";
import { lateFileDesc } from ${source('late-file')};
export function fileDesc(description, imports) {
    const schema = () => FileDescriptorProtoSchema;
    const library = { addFile, createBaseRegistry, restoreJsonNames, schema };
    return lateFileDesc(library, description, imports);
}
`;

/** Fails the build where the library is not what it was when this was written. */
export const fastDescriptors: Plugin = {
  name: 'fast-descriptors',
  setup({ onLoad }) {
    onLoad(
      { filter: /@bufbuild\/protobuf\/dist\/esm\/(codegenv2\/\w+|registry)\.js$/ },
      async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const name = path.slice(path.lastIndexOf('/esm/') + '/esm/'.length, -'.js'.length);
        if (name === 'codegenv2/file') {
          if (text.includes('createFileRegistry(root, (protoFileName)')) return { contents: file };
          throw new Error(`${path} no longer reads as expected`);
        }
        return changes[name] && { contents: changed(path, text, changes[name]) };
      },
    );
  },
};

function changed(path: string, text: string, parts: readonly (readonly string[])[]): string {
  let result = text;
  for (const [from = '', to = ''] of parts) {
    if (result.split(from).length !== 2) {
      throw new Error(`${path} no longer reads as expected, at: ${from}`);
    }
    result = result.replace(from, () => to);
  }
  return result;
}
