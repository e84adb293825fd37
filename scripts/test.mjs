/**
 * Runs jest over all projects, shows its output, and ends with the line `N passed, N failed`, of which the
 * exit code follows; before it, how much the contract holds and how many test cases are made from it. Real
 * hosts are tried last and alone, because their guests need the processors; of all else one suite more than
 * there are processors runs at a time, since each of them waits now and then.
 * Arguments go to jest, which then runs once.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';

const results = '.build/test-results.json';
const given = process.argv.slice(2);
const others = [
  'unit',
  'conformance',
  'generated',
  'fuzz',
  'acceptance',
  'simulation',
  'constructs',
];
const runs =
  given.length > 0
    ? [given]
    : [
        ['--selectProjects', ...others, `--maxWorkers=${availableParallelism() + 1}`],
        ['--selectProjects', 'lab', '--runInBand'],
      ];

/** A file system in memory: what is to be kept there over a loss of power costs no time. */
const memory = '/dev/shm/';
const memoryType = 0x01021994; // TMPFS_MAGIC
const memoryBytesMin = 4 * 2 ** 30;

/** So many of the suites that took longest are named, so that a run stays short enough to be run. */
const slowestShown = 12;
const msOfSecond = 1000;

const scratch = scratchInMemory();
const suites = [];
const sum = { passed: 0, failed: 0, skipped: 0, generated: 0, isGood: true };
for (const args of runs) {
  mkdirSync('.build', { recursive: true });
  rmSync(results, { force: true });
  const argv = ['--json', `--outputFile=${results}`, '--forceExit', ...args];
  const stdio = ['inherit', 'ignore', 'inherit'];
  const { status } = spawnSync('jest', argv, { stdio, env: environmentOf(args) });
  const found = JSON.parse(readFileSync(results, 'utf8'));
  sum.passed += found.numPassedTests;
  sum.failed += found.numFailedTests + found.numRuntimeErrorTestSuites;
  sum.skipped += found.numPendingTests;
  sum.generated += generatedIn(found);
  suites.push(...found.testResults);
  sum.isGood &&= status === 0;
}
if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
tellSlowest();
if (sum.skipped > 0) console.log(`${sum.skipped} skipped`);
if (sum.generated > 0) console.log(`${contract()}, ${sum.generated} test cases made from them`);
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(sum.isGood && sum.failed === 0 ? 0 : 1);

/** Temporary files of all but the lab are in memory; real hosts have their disks on a real one. */
function environmentOf(args) {
  const isLab = args.some((word) => word.includes('lab'));
  return scratch === undefined || isLab ? process.env : { ...process.env, TMPDIR: scratch };
}

/** A folder in memory, where there is enough of it. */
function scratchInMemory() {
  try {
    const { type, bavail, bsize } = statfsSync(memory);
    if (type !== memoryType || bavail * bsize < memoryBytesMin) return undefined;
    return mkdtempSync(`${memory}lqx-`);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function tellSlowest() {
  const seconds = ({ startTime, endTime }) => (endTime - startTime) / msOfSecond;
  const slowest = suites.sort((a, b) => seconds(b) - seconds(a)).slice(0, slowestShown);
  const lines = slowest.map(
    (suite) => `${seconds(suite).toFixed(0)} s ${relative('.', suite.name)}`,
  );
  if (given.length === 0) console.log(`the slowest suites:\n  ${lines.join('\n  ')}`);
}

/** Test cases of the suites that are made from the contract's descriptors. */
function generatedIn({ testResults }) {
  return testResults
    .filter(({ name }) => name.includes('/test/generated/'))
    .reduce((count, { assertionResults }) => count + assertionResults.length, 0);
}

function contract() {
  return spawnSync('tsx', ['test/generated/count.ts'], { encoding: 'utf8' }).stdout;
}
