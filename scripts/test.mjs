/**
 * Runs jest over all projects, shows its output, and ends with the line `N passed, N failed`, of which the
 * exit code follows. Arguments go to jest.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

const results = '.build/test-results.json';
mkdirSync('.build', { recursive: true });
rmSync(results, { force: true });
const run = spawnSync(
  'jest',
  ['--json', `--outputFile=${results}`, '--forceExit', ...process.argv.slice(2)],
  { stdio: ['inherit', 'ignore', 'inherit'] },
);
const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests } = JSON.parse(
  readFileSync(results, 'utf8'),
);
const failed = numFailedTests + numRuntimeErrorTestSuites;
if (numPendingTests > 0) console.log(`${numPendingTests} skipped`);
console.log(`${numPassedTests} passed, ${failed} failed`);
process.exit(run.status === 0 && failed === 0 ? 0 : 1);
