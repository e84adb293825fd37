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
 * Modules of Node's that are loaded where they are used. A static import of node:sqlite would make
 * Node announce it as experimental before `warnings.ts`, and one of node:http looks at all that it
 * has, for which Node loads another whole HTTP client.
 */
const lateBuiltins: Plugin = {
  name: 'late-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:sqlite|(node:)?http)$/ }, ({ path }) => ({
      path,
      namespace: 'late-builtin',
    }));
    onLoad({ filter: /.*/, namespace: 'late-builtin' }, ({ path }) => ({
      contents: [
        // An older Node lacks some; whoever needs one of those says so.
        `const all = process.getBuiltinModule(${JSON.stringify(path)}) ?? {};`,
        'export default all;',
        `export const { ${plainNamesOf(path).join(', ')} } = all;`,
      ].join('\n'),
    }));
  },
};

/** What a module has that is there before it is looked at. */
function plainNamesOf(path: string): string[] {
  const all = Object.getOwnPropertyDescriptors(process.getBuiltinModule(path));
  return Object.keys(all).filter((name) => name !== 'default' && 'value' in (all[name] ?? {}));
}

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
  plugins: [lateBuiltins, fastDescriptors],
  inject: [join(root, 'src/headers.ts')],
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
