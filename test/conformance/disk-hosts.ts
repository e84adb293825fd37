/** Every kind of disk files that drivers are tried on: one line each. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskImages } from '../../server/src/wire/disk-image/api.js';
import { FakeDiskImages } from '../../server/src/wire/disk-image/fake.js';
import { HostDiskImages } from '../../server/src/wire/disk-image/host.js';
import { realDirectories } from './real-files.js';

/** Disk files, and a directory on them that is a suite's own. */
export interface DiskHost {
  readonly disks: DiskImages;
  readonly directory: string;
  readonly close: () => void;
}

/** What makes them, by name. */
export const diskHosts: readonly (readonly [name: string, make: () => DiskHost])[] = [
  ['in memory', () => fakeHost(false)],
  ['in memory, sharing blocks', () => fakeHost(true)],
  ...realDirectories.map((parent) => [`real files in ${parent}`, () => realHost(parent)] as const),
];

function fakeHost(reflink: boolean): DiskHost {
  const close = () => undefined;
  return { disks: new FakeDiskImages({ reflink }), directory: '/srv', close };
}

function realHost(parent: string): DiskHost {
  const directory = mkdtempSync(join(parent, 'limiquantix-driver-'));
  return {
    disks: new HostDiskImages(),
    directory,
    close: () => rmSync(directory, { recursive: true }),
  };
}
