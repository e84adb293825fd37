/** Bundles the simulator into one file of plain JavaScript: runs of it start in no time. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../harness/paths.js';

/** Where the bundle is. */
export const simulatorBundle = join(root, '.build', 'simulate.mjs');

/** Node's flags for it, and itself. It makes much garbage, which is collected less often so. */
export const simulatorFlags = [
  ...['--enable-source-maps', '--max-semi-space-size=32'],
  simulatorBundle,
] as const;

/** Makes the bundle anew. */
export async function bundleSimulator(): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/simulation/main.ts')],
    ...{ outfile: simulatorBundle, bundle: true, platform: 'node', target: 'node22' },
    ...{ format: 'esm', sourcemap: true, sourcesContent: false, logLevel: 'warning' },
    // Packages in CommonJS call require, which a module has not by itself.
    banner: {
      js: [
        "import { createRequire as createRequireOfBundle } from 'node:module';",
        'const require = createRequireOfBundle(import.meta.url);',
      ].join('\n'),
    },
  });
}
