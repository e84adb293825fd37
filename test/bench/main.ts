/**
 * `make bench`: figures beside their floors as JSON lines, kept in a file and compared with the run
 * before. What it does is in `--help`.
 */
import { parseArgs } from 'node:util';
import { type Compared, compareRuns, comparisonTable } from './compare.js';
import { onFigure } from './measure.js';
import { beginResults, type Run, readResults, resultsBefore } from './results.js';
import { suites } from './suites.js';

const help = `make bench [ONLY=name,…] [ARGS='…']: measure, beside the plainest means for the same

ONLY names suites; all without it. ARGS are:
  --list             say what there is to measure
  --against FILE     compare with this run instead of the one before
  --compare A B      compare two runs that were kept, and measure nothing
  --fail-on-worse    end with 1 where something got worse by more than noise
  --help             say this

Each figure is a JSON line: {"name","value","unit","floor","ratio","samples","spread","curve","at"}.
A run is kept in bench-results/. Runs are compared by ratio to the floor, so that a busy machine
doesn't count; noise is twice the spread of the samples of both, a tenth at least. make performance
draws docs/performance.md from the published run, RESULTS=FILE from another one.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' },
    help: { type: 'boolean' },
    against: { type: 'string' },
    compare: { type: 'boolean' },
    'fail-on-worse': { type: 'boolean' },
  },
});

if (values.help) process.stdout.write(help);
else if (values.list) list();
else if (values.compare) tell(...positionals.slice(0, 2).map(readResults));
else await measure(positionals.flatMap((names) => names.split(',')));

function list(): void {
  for (const { name, about, takes } of suites) {
    process.stdout.write(`${name.padEnd(12)}${about} (${takes})\n`);
  }
}

async function measure(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: there is no suite ${unknown}; see make bench ARGS=--list\n`);
    process.exitCode = 2;
    return;
  }
  const results = beginResults();
  onFigure(results.add);
  for (const { name, run } of suites) if (names.length === 0 || names.includes(name)) await run();
  process.stderr.write(`bench: kept in ${results.path}\n`);
  const before = values.against ? readResults(values.against) : resultsBefore(results.path);
  if (before !== undefined) tell(before, readResults(results.path), names.length > 0);
}

/** Prints the comparison; of a run of some suites, not what the others have. */
function tell(before?: Run, after?: Run, isPart = false): void {
  if (before === undefined || after === undefined) throw new Error('give two files of results');
  const isShown = ({ verdict }: Compared): boolean => !isPart || verdict !== 'gone';
  const compared = compareRuns(before.figures, after.figures).filter(isShown);
  process.stderr.write(`\nagainst ${before.path}\n${comparisonTable(compared)}\n`);
  const isWorse = compared.some(({ verdict }) => verdict === 'worse');
  if (isWorse && values['fail-on-worse']) process.exitCode = 1;
}
