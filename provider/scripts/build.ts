/**
 * Bundles the provider into `dist/terraform-provider-limiquantix.js` and, with `--executable`, turns
 * the bundle and Node itself into one executable (Node's single executable applications).
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { fastDescriptors } from '../../proto/scripts/fast-descriptors.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = `${root}dist/terraform-provider-limiquantix.js`;
const executable = `${root}dist/terraform-provider-limiquantix`;

mkdirSync(`${root}dist`, { recursive: true });
await build({
  entryPoints: [`${root}src/bin/main.ts`],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  minify: true,
  legalComments: 'none',
  plugins: [fastDescriptors],
  banner: { js: '#!/usr/bin/env node' },
});
chmodSync(bundle, 0o755);
// The package above is one of ES modules; the bundle isn't, because Node's executables take none.
writeFileSync(`${root}dist/package.json`, '{ "type": "commonjs" }\n');

if (process.argv.includes('--executable')) {
  const scratch = mkdtempSync(join(tmpdir(), 'lqx-executable-'));
  const main = join(scratch, 'main.cjs');
  const blob = join(scratch, 'provider.blob');
  const config = join(scratch, 'sea.json');
  writeFileSync(main, readFileSync(bundle, 'utf8').replace(/^#!.*\n/, ''));
  writeFileSync(
    config,
    JSON.stringify({
      main,
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
    }),
  );
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: 'inherit' });
  copyFileSync(process.execPath, executable);
  chmodSync(executable, 0o755);
  // The fuse is Node's own constant, by which it knows that something was put in.
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
  const args = [executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse];
  execFileSync('postject', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(scratch, { recursive: true });
}
