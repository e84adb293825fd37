/**
 * Runs jest over all projects, shows its output, and ends with the line `N passed, N failed`, of which the
 * exit code follows; before it, how much the contract holds and how many test cases are made from it. Real
 * hosts are tried last and alone, because their guests need the processors; of all else one suite more than
 * there are processors runs at a time, since each of them waits now and then. The simulation, which needs
 * processors alone and has its own time, runs beside all of it with what the others leave idle.
 * Arguments go to jest, which then runs once.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';

const given = process.argv.slice(2);
const others = ['unit', 'conformance', 'generated', 'fuzz', 'acceptance', 'constructs'];
const isWhole = given.length === 0;
const main = { name: 'main', args: [`--maxWorkers=${availableParallelism() + 1}`], of: others };
const lab = { name: 'lab', args: ['--runInBand'], of: ['lab'], isOnDisk: true };
const simulation = { name: 'simulation', args: ['--runInBand'], of: ['simulation'], isIdle: true };

/** A file system in memory: what is to be kept there over a loss of power costs no time. */
const memory = '/dev/shm/';
const memoryType = 0x01021994; // TMPFS_MAGIC
const memoryBytesMin = 4 * 2 ** 30;

/** So many of the suites that took longest are named, so that a run stays short enough to be run. */
const slowestShown = 12;
const msOfSecond = 1000;

/** What is found of a run that ended before it told anything. */
const unfinished = {
  ...{ numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 1, numPendingTests: 0 },
  testResults: [],
};

const scratch = scratchInMemory();
const suites = [];
const sum = { passed: 0, failed: 0, skipped: 0, generated: 0, isGood: true };
mkdirSync('.build', { recursive: true });
if (isWhole) {
  const simulated = jest(simulation);
  count(await jest(main));
  count(await jest(lab));
  count(await simulated);
} else {
  const isOnDisk = given.some((word) => word.includes('lab'));
  count(await jest({ name: 'given', args: given, isOnDisk }));
}
if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
tellSlowest();
if (sum.skipped > 0) console.log(`${sum.skipped} skipped`);
if (sum.generated > 0) console.log(`${contract()}, ${sum.generated} test cases made from them`);
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(sum.isGood && sum.failed === 0 ? 0 : 1);

/**
 * Runs jest once, with temporary files in memory where there is enough of it, but those of real hosts on
 * a real disk. What runs with what others leave idle shows its output whole, at its end.
 */
async function jest({ name, args, of = [], isIdle = false, isOnDisk = false }) {
  const results = `.build/test-results-${name}.json`;
  rmSync(results, { force: true });
  const words = ['jest', '--json', `--outputFile=${results}`, '--forceExit', ...args];
  const argv = [...(isIdle ? ['nice', '-n', '19'] : []), ...words];
  if (of.length > 0) argv.push('--selectProjects', ...of);
  const child = spawn(argv[0], argv.slice(1), {
    stdio: ['inherit', 'ignore', isIdle ? 'pipe' : 'inherit'],
    env: scratch === undefined || isOnDisk ? process.env : { ...process.env, TMPDIR: scratch },
  });
  const output = [];
  child.stderr?.on('data', (bytes) => output.push(bytes));
  const status = await new Promise((resolve) => child.on('close', resolve));
  process.stderr.write(Buffer.concat(output));
  const found = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : unfinished;
  return { found, isGood: status === 0 };
}

function count({ found, isGood }) {
  sum.passed += found.numPassedTests;
  sum.failed += found.numFailedTests + found.numRuntimeErrorTestSuites;
  sum.skipped += found.numPendingTests;
  sum.generated += generatedIn(found);
  suites.push(...found.testResults);
  sum.isGood &&= isGood;
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
  if (isWhole) console.log(`the slowest suites:\n  ${lines.join('\n  ')}`);
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
