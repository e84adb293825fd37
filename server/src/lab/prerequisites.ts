/**
 * Whether this machine can run a lab, in words for the user.
 */
import { existsSync } from 'node:fs';
import { getuid } from 'node:process';
import { systemPath } from './process.js';

const programs = {
  ip: 'iproute2',
  ethtool: 'ethtool',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  libvirtd: 'libvirt-daemon-system',
  nft: 'nftables',
  'qemu-system-x86_64': 'qemu-system-x86',
  'ovsdb-server': 'openvswitch-switch',
  'ovs-vswitchd': 'openvswitch-switch',
  'ovn-northd': 'ovn-central',
  'ovn-controller': 'ovn-host',
} as const;

/** What keeps this machine from running a lab, and what to do; undefined when it can. */
export function missingForLab(): string | undefined {
  if (process.platform !== 'linux') return 'a lab of real hosts needs Linux';
  if (getuid?.() !== 0) return 'a lab of real hosts needs root: run it with sudo';
  const missing = new Set<string>();
  for (const [program, packageName] of Object.entries(programs)) {
    const found = systemPath.split(':').some((dir) => existsSync(`${dir}/${program}`));
    if (!found) missing.add(packageName);
  }
  if (missing.size === 0) return undefined;
  return `a lab needs the packages ${[...missing].join(', ')}: run scripts/setup-apt.sh as root`;
}
