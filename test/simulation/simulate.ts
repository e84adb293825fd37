/** `make simulate`: bundles the simulator and runs it with the arguments. */
import { spawnSync } from 'node:child_process';
import { bundleSimulator, simulatorBundle } from './bundle.js';

await bundleSimulator();
const flags = [
  '--enable-source-maps',
  '--max-semi-space-size=32',
  simulatorBundle,
  ...process.argv.slice(2),
];
const { status } = spawnSync(process.execPath, flags, { stdio: 'inherit' });
process.exitCode = status ?? 1;
