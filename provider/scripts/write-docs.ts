/**
 * Writes the docs pages of the provider into `docs/`, in the layout of Terraform's registry, from
 * the contract and `examples/`. With `--check`, writes nothing and fails where a page isn't as it
 * would be written, or shouldn't be there.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { providerFunctions } from '../src/function/functions.js';
import { actionShapes } from '../src/schema/action-shape.js';
import { resourceShapes } from '../src/schema/all-shapes.js';
import { dataSourceShapes } from '../src/schema/data-source-shape.js';
import { ephemeralShapes } from '../src/schema/ephemeral-shape.js';
import { typePrefix } from '../src/schema/resource-shape.js';
import { actionPage } from './docs/action-page.js';
import {
  dataSourceExample,
  identityExample,
  importExample,
  listExample,
  subjectOf,
} from './docs/derived-examples.js';
import { ephemeralPage } from './docs/ephemeral-page.js';
import { functionPage } from './docs/function-page.js';
import { listPage } from './docs/list-page.js';
import { providerPage } from './docs/provider-page.js';
import { dataSourcePage, resourcePage } from './docs/resource-page.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isCheck = process.argv.includes('--check');
const missing: string[] = [];
/** Examples that follow from a resource's own: written where nobody wrote a better one. */
const derived = new Map<string, string>();
const pages = new Map<string, string>();

const example = (path: string): string => {
  const file = join(root, 'examples', path);
  if (existsSync(file)) return readFileSync(file, 'utf8');
  missing.push(`examples/${path}`);
  return '';
};
const exampleOr = (path: string, text: string): string => {
  if (existsSync(join(root, 'examples', path))) return example(path);
  derived.set(path, text);
  return text;
};
const bare = (typeName: string): string => typeName.slice(typePrefix.length);

pages.set('index.md', providerPage(example('provider/provider.tf')));
for (const [typeName, shapeOf] of resourceShapes()) {
  const shape = shapeOf();
  const usage = example(`resources/${typeName}/resource.tf`);
  const subject = subjectOf(typeName, usage);
  const imports = exampleOr(`resources/${typeName}/import.sh`, importExample(subject));
  const identityPath = `resources/${typeName}/import-by-identity.tf`;
  const identity = exampleOr(identityPath, identityExample(subject));
  const page = resourcePage(shape, { usage, imports, identity });
  pages.set(`resources/${bare(typeName)}.md`, page);
  const listPath = `list-resources/${typeName}/list-resource.tfquery.hcl`;
  const listUsage = exampleOr(listPath, listExample(subject));
  pages.set(`list-resources/${bare(typeName)}.md`, listPage(shape, listUsage));
  for (const source of dataSourceShapes(shape)) {
    const path = `data-sources/${source.typeName}/data-source.tf`;
    const sourceUsage = exampleOr(path, dataSourceExample(source, subject));
    const text = dataSourcePage(source, { usage: sourceUsage });
    pages.set(`data-sources/${bare(source.typeName)}.md`, text);
  }
}
for (const [typeName, shapeOf] of actionShapes()) {
  const usage = example(`actions/${typeName}/action.tf`);
  pages.set(`actions/${bare(typeName)}.md`, actionPage(shapeOf(), usage));
}
for (const [typeName, shapeOf] of ephemeralShapes()) {
  const usage = example(`ephemeral-resources/${typeName}/ephemeral-resource.tf`);
  pages.set(`ephemeral-resources/${bare(typeName)}.md`, ephemeralPage(shapeOf(), usage));
}
for (const [name, one] of providerFunctions) {
  pages.set(`functions/${name}.md`, functionPage(one, example(`functions/${name}/function.tf`)));
}

const stale = [...pages].filter(([path, text]) => read(path) !== text).map(([path]) => path);
const extra = [
  'resources',
  'data-sources',
  'functions',
  'ephemeral-resources',
  'list-resources',
  'actions',
]
  .flatMap((folder) => {
    const at = join(root, 'docs', folder);
    return existsSync(at) ? readdirSync(at).map((name) => `${folder}/${name}`) : [];
  })
  .filter((path) => !pages.has(path));
if (missing.length > 0) fail(`there is no ${missing.join(', no ')}: each page shows an example`);
if (isCheck && stale.length + extra.length > 0) {
  fail(`${[...stale, ...extra].map((path) => `docs/${path}`).join(', ')}: run \`make docs\``);
}
if (isCheck && derived.size > 0)
  fail(`examples/${[...derived.keys()].join(', examples/')}: run \`make docs\``);
for (const [path, text] of derived) put(join(root, 'examples', path), text);
for (const path of isCheck ? [] : extra) rmSync(join(root, 'docs', path));
for (const path of isCheck ? [] : stale) {
  put(join(root, 'docs', path), pages.get(path) ?? '');
}
process.stdout.write(`docs: ${pages.size} pages${isCheck ? ' are as written' : ''}\n`);

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function read(path: string): string | undefined {
  const file = join(root, 'docs', path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function fail(why: string): never {
  process.stderr.write(`docs: ${why}\n`);
  process.exit(1);
}
