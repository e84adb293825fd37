/** Where the built things are, and scratch folders that go with the process. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The repository; npm and make run everything from there. */
export const root = process.cwd();
/** The `limiquantix` command, as `npm run build` makes it. */
export const commandBundle = join(root, 'server/dist/limiquantix.mjs');
/** The provider, as `npm run build` makes it. */
export const providerBundle = join(root, 'provider/dist/terraform-provider-limiquantix.js');
/** The guest image, as `make guest-image` makes it. */
export const guestImage = join(root, '.build/guest/limiquantix-guest.qcow2');
/** The quickstart in HCL. */
export const quickstart = join(root, 'examples/quickstart');

/** A new folder of its own in the system's temporary folder. */
export function scratchDir(purpose: string): string {
  const dir = mkdtempSync(join(tmpdir(), `lqx-${purpose}-`));
  mkdirSync(dir, { recursive: true });
  return dir;
}
