/**
 * The built provider, never older than its sources: what `npm run build` made is taken as it is,
 * and made anew only where somebody has edited since.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { providerBundle, root } from './paths.js';

/** Folders that the bundle is made from. */
const sources = ['provider/src', 'provider/gen', 'provider/scripts', 'proto/src', 'proto/gen'];

/** Bundles the provider where its bundle is missing or older than a source. */
export function freshProvider(): void {
  const builtMs = existsSync(providerBundle) ? statSync(providerBundle).mtimeMs : 0;
  if (sources.every((folder) => newestMs(join(root, folder)) <= builtMs)) return;
  execFileSync(join(root, 'node_modules/.bin/tsx'), ['scripts/build.ts'], {
    cwd: join(root, 'provider'),
  });
}

/** When the newest file of a folder was changed. */
function newestMs(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((newest, { parentPath, name }) => {
      return Math.max(newest, statSync(join(parentPath, name)).mtimeMs);
    }, 0);
}
