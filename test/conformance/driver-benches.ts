/** Every driver on every backend: what joins the drivers' suite is one line here. */
import { directoriesOn } from './directory-subject.js';
import { diskHosts } from './disk-hosts.js';
import type { Bench } from './driver-suite.js';
import { imagesInLibraries } from './library-subject.js';
import { hasRealOvn, startFakeOvn, startRealOvn } from './ovn-backends.js';
import { networksOn, portsOn } from './ovn-subject.js';
import { realLibvirtdMissing } from './real-libvirtd.js';
import { machinesOn } from './vm-subject.js';
import { fakeBackend, realBackend } from './vm-world.js';

const noLibvirtd = realLibvirtdMissing();
const noOvn = hasRealOvn ? undefined : 'ovsdb-server and ovn-northd are not installed';
const mended = 'mended' as const;
const told = 'told' as const;

/** All of them. */
export const benches: readonly Bench[] = [
  { name: 'vm on a simulated libvirtd', meddled: mended, start: () => machinesOn(fakeBackend()) },
  {
    ...{ name: 'vm on a real libvirtd', missing: noLibvirtd, isSlow: true },
    ...{ meddled: mended, start: () => machinesOn(realBackend()) },
  },
  { name: 'network on the fake OVN', meddled: mended, start: () => networksOn(startFakeOvn()) },
  {
    ...{ name: 'network on the real OVN', missing: noOvn },
    ...{ meddled: mended, start: () => networksOn(startRealOvn()) },
  },
  { name: 'port on the fake OVN', meddled: mended, start: () => portsOn(startFakeOvn()) },
  {
    ...{ name: 'port on the real OVN', missing: noOvn },
    ...{ meddled: mended, start: () => portsOn(startRealOvn()) },
  },
  {
    ...{ name: 'image in the library', alone: 'only the server that leads writes into it' },
    ...{ meddled: mended, start: () => imagesInLibraries() },
  },
  ...diskHosts.flatMap(([where, make]): Bench[] => [
    {
      name: `storage_pool, disk files ${where}`,
      meddled: mended,
      start: () => directoriesOn('pool', make),
    },
    {
      name: `volume, disk files ${where}`,
      meddled: told,
      start: () => directoriesOn('volume', make),
    },
    {
      name: `image copy, disk files ${where}`,
      meddled: mended,
      start: () => directoriesOn('image', make),
    },
  ]),
];
