/**
 * Bundles the `limiquantix` command into files that need Node and nothing else: the command itself,
 * and chunks that it loads when what is asked for needs them.
 */
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { fastDescriptors } from '../../proto/scripts/fast-descriptors.js';

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

// Chunks of an earlier build have other names, and nobody would load them.
await rm(join(root, 'dist/chunks'), { recursive: true, force: true });
await build({
  entryPoints: { limiquantix: join(root, 'src/bin/main.ts') },
  outdir: join(root, 'dist'),
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'external',
  plugins: [lateSqlite, fastDescriptors],
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
