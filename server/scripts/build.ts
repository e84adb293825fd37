/** Bundles the `limiquantix` command into one file that needs Node and nothing else. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  version: string;
};

/**
 * A static import of node:sqlite would make Node announce it as experimental before any of our code
 * runs; loaded this way, it is loaded where it is used, after `warnings.ts`.
 */
const lateSqlite: Plugin = {
  name: 'late-sqlite',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:sqlite$/ }, ({ path }) => ({ path, namespace: 'late-builtin' }));
    onLoad({ filter: /.*/, namespace: 'late-builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

await build({
  entryPoints: [join(root, 'src/bin/main.ts')],
  outfile: join(root, 'dist/limiquantix.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'external',
  plugins: [lateSqlite],
  define: { LIMIQUANTIX_VERSION: JSON.stringify(manifest.version) },
  // Packages in CommonJS call require, which a module has not by itself.
  banner: {
    js: [
      '#!/usr/bin/env node',
      "import { createRequire as createRequireOfBundle } from 'node:module';",
      'const require = createRequireOfBundle(import.meta.url);',
    ].join('\n'),
  },
});
