/**
 * Runs jest over all projects, shows its output, and ends with the line `N passed, N failed`, of which the
 * exit code follows. Real hosts are tried last and alone, because their guests need the processors; all
 * else runs on all of them. Arguments go to jest, which then runs once.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

const results = '.build/test-results.json';
const given = process.argv.slice(2);
const others = ['unit', 'conformance', 'generated', 'acceptance', 'constructs'];
const runs =
  given.length > 0
    ? [given]
    : [
        ['--selectProjects', ...others, '--maxWorkers=100%'],
        ['--selectProjects', 'lab', '--runInBand'],
      ];

const sum = { passed: 0, failed: 0, skipped: 0, isGood: true };
for (const args of runs) {
  mkdirSync('.build', { recursive: true });
  rmSync(results, { force: true });
  const argv = ['--json', `--outputFile=${results}`, '--forceExit', ...args];
  const { status } = spawnSync('jest', argv, { stdio: ['inherit', 'ignore', 'inherit'] });
  const found = JSON.parse(readFileSync(results, 'utf8'));
  sum.passed += found.numPassedTests;
  sum.failed += found.numFailedTests + found.numRuntimeErrorTestSuites;
  sum.skipped += found.numPendingTests;
  sum.isGood &&= status === 0;
}
if (sum.skipped > 0) console.log(`${sum.skipped} skipped`);
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(sum.isGood && sum.failed === 0 ? 0 : 1);
