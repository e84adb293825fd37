/** The drivers' suite, for every driver on every backend that this machine has. */
import { benches } from './driver-benches.js';
import { describeDriver } from './driver-suite.js';

for (const bench of benches) describeDriver(bench);
