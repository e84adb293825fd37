/**
 * Style as a test: lengths, headers, banned calls and the direction of imports, for every source
 * file. What a formatter or linter can't say is said here; the rules are in words in
 * CONTRIBUTING.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parseSync } from '@swc/core';

const root = join(__dirname, '..');
const linesMax = 400;
const columnsMax = 100;
/** Tests may hold configurations and expected messages as they are. */
const testColumnsMax = 140;
const functionLinesMax = 60;

/** Folders of `server/src` and what each may import, beside itself. */
const mayImport: { readonly [folder: string]: readonly string[] } = {
  wire: [],
  resource: [],
  store: ['resource'],
  decide: ['resource'],
  reconcile: ['resource', 'decide', 'store'],
  view: ['resource', 'store', 'reconcile'],
  identity: ['resource', 'store', 'reconcile'],
  library: ['resource', 'reconcile', 'wire'],
  drivers: ['resource', 'reconcile', 'decide', 'wire', 'library', 'view'],
  api: ['resource', 'store', 'reconcile', 'decide', 'view', 'identity', 'library'],
  agent: ['resource', 'reconcile', 'drivers', 'decide', 'view', 'identity', 'wire'],
  simulate: ['resource', 'reconcile', 'drivers', 'agent', 'view', 'wire', 'decide', 'api'],
  lab: ['resource', 'wire'],
};

/** Calls that only edges may make: time, chance, output and environment are handed in elsewhere. */
const banned = [/\bDate\.now\(/, /\bMath\.random\(/, /\bconsole\./, /\bprocess\.env\b/];
const edges = [
  /\/bin\//,
  /\/lab\//,
  /\.test\.ts$/,
  /^test\//,
  /^scripts\//,
  /\/scripts\//,
  /^examples\/stacks\/[a-z-]+\/main\.ts$/,
];

const files = [
  'proto/scripts',
  'proto/src',
  'server',
  'provider',
  'constructs/src',
  'examples',
  'scripts',
  'test',
]
  .flatMap((folder) => sources(join(root, folder)))
  .map((path) => ({
    name: relative(root, path).split(sep).join('/'),
    text: readFileSync(path, 'utf8'),
  }));

describe.each(files)('$name', ({ name, text }) => {
  const lines = text.split('\n');

  test('is not too long, and neither are its lines', () => {
    expect(lines.length - 1).toBeLessThanOrEqual(linesMax);
    const most = name.endsWith('.test.ts') ? testColumnsMax : columnsMax;
    const long = lines.flatMap((line, i) =>
      line.length > most && !holdsLongString(line) ? [i + 1] : [],
    );
    expect(long).toEqual([]);
  });

  test('begins by saying what it is', () => {
    if (name.endsWith('.test.ts')) return;
    expect(text.replace(/^#!.*\n/, '')).toMatch(/^\/\*\*/);
  });

  test('has no function that is too long', () => {
    expect(longFunctions(text)).toEqual([]);
  });

  test('leaves time, chance, output and environment to the edges', () => {
    if (edges.some((edge) => edge.test(name))) return;
    const hits = lines.flatMap((line, i) =>
      banned.some((call) => call.test(line)) && !/^\s*(\*|\/\/)/.test(line)
        ? [`${i + 1}: ${line}`]
        : [],
    );
    expect(hits).toEqual([]);
  });

  test('imports in the direction of the architecture', () => {
    const folder = /^server\/src\/([a-z-]+)\//.exec(name)?.[1];
    if (folder === undefined || folder === 'bin' || name.endsWith('.test.ts')) return;
    const allowed = mayImport[folder];
    expect(allowed).toBeDefined();
    const targets = [...text.matchAll(/from '(?:\.\.\/)+([a-z-]+)\//g)].map(
      (match) => match[1] ?? '',
    );
    const own = new Set(sourcesOfFolder(folder));
    const wrong = targets.filter((to) => to !== folder && !own.has(to) && !allowed?.includes(to));
    expect(wrong).toEqual([]);
  });
});

/** A message for people may stand on one line, so that it can be searched for. */
function holdsLongString(line: string): boolean {
  return /(['"`]).{30,}\1/.test(line) || /^import .* from '[^']+';$/.test(line);
}

/** The sub-folders of a folder of `server/src`: importing one is no import of another folder. */
function sourcesOfFolder(folder: string): string[] {
  return readdirSync(join(root, 'server/src', folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(node_modules|gen|dist|lib|cdktf\.out|\.gen)\//.test(path));
}

interface Spanned {
  readonly type?: string;
  readonly span?: { readonly start: number; readonly end: number };
}

/** The first lines of functions that are too long. Test suites' callbacks don't count. */
function longFunctions(text: string): string[] {
  // swc counts from the first token of all it has parsed: one at the very start makes that known.
  const source = `0;${text.replace(/^#!.*/, '')}`;
  const ast = parseSync(source, { syntax: 'typescript', target: 'es2022', decorators: true });
  const bytes = Buffer.from(source);
  const base = ast.span.start;
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const item of node) visit(item);
      return;
    }
    if (typeof node !== 'object' || node === null) return;
    const { type, span } = node as Spanned;
    if (
      span !== undefined &&
      /^(FunctionDeclaration|ClassMethod|PrivateMethod)$/.test(type ?? '')
    ) {
      const body = bytes.subarray(span.start - base, span.end - base).toString();
      if (body.split('\n').length > functionLinesMax) found.push(body.split('\n')[0] ?? '');
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(ast.body);
  return found;
}
