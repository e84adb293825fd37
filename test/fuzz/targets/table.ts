/** Every decoder that is fuzzed. To add one is to add a line. */
import type { Target } from '../target.js';
import { contractTargets } from './contract.js';
import { filterTargets } from './filters.js';
import { libvirtTargets } from './libvirt.js';
import { ovsdbTargets } from './ovsdb.js';
import { protocolTargets } from './protocols.js';
import { terraformTargets } from './terraform.js';

/** In the order in which they are tried. */
export const targets: readonly Target[] = [
  ...libvirtTargets,
  ...ovsdbTargets,
  ...terraformTargets,
  ...protocolTargets,
  ...contractTargets,
  ...filterTargets,
];
