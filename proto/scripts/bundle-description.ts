/** Bundles `describe-contract.ts` into the folder that is named, as what ships is bundled. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { fastDescriptors } from './fast-descriptors.js';

await build({
  entryPoints: [fileURLToPath(new URL('describe-contract.ts', import.meta.url))],
  outdir: process.argv[2] ?? '',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  plugins: [fastDescriptors],
});
