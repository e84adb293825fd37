/**
 * `make performance`: writes `docs/performance.md` and its charts from a run of `make bench`, which
 * it keeps beside them. RESULTS names the run, or several with commas between that each have some
 * of the figures; the published one is drawn again without it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Chart, drawChart } from './charts.js';
import { type Curve, charts } from './performance-charts.js';
import { publishedResults, type Run, readResults } from './results.js';

const folder = 'docs/performance';
const source = process.env['RESULTS'] || publishedResults;
const run = runOf(source.split(',').map((path) => readResults(path)));
mkdirSync(folder, { recursive: true });
const sections: string[] = [];
for (const [file, { title, about, ...spec }] of Object.entries(charts)) {
  const curves = new Map(spec.lines.map(({ curve }) => [curve, curveOf(run, curve)]));
  const isThere = [...curves.values()].every((curve) => curve.length > 0);
  if (!isThere) continue;
  const chart: Chart = { title, x: spec.x, y: spec.y, lines: spec.lines.map(lineOf) };
  writeFileSync(join(folder, `${file}.svg`), await drawChart(chart));
  const words = about((name) => curves.get(name) ?? curveOf(run, name));
  sections.push(`## ${title}\n${words}\n\n![${title}](performance/${file}.svg)\n`);
}
writeFileSync('docs/performance.md', page(run, sections));
if (source !== publishedResults) writeFileSync(publishedResults, text(run));

/** All figures of some runs, and the facts of the last. */
function runOf(runs: readonly Run[]): Run {
  const [last] = runs.slice(-1);
  if (last === undefined) throw new Error('there is no run to draw');
  const byName = new Map(runs.flatMap(({ figures }) => figures).map((one) => [one.name, one]));
  return { ...last, figures: [...byName.values()] };
}

function curveOf({ figures }: Run, name: string): Curve {
  return figures
    .filter(({ curve }) => curve === name)
    .map(({ at = 0, value, floor, unit }) => ({ at, value, floor, unit }))
    .sort((a, b) => a.at - b.at);
}

function lineOf({ curve, name, isFloor = false }: (typeof charts)[string]['lines'][number]) {
  const points = curveOf(run, curve).map(
    ({ at, value, floor }) => [at, isFloor ? floor : value] as const,
  );
  return { name, points, isFloor };
}

function text({ facts, figures }: Run): string {
  return [{ run: facts }, ...figures].map((line) => `${JSON.stringify(line)}\n`).join('');
}

function page({ facts, figures }: Run, parts: readonly string[]): string {
  const { at, commit, processor, processors, memoryGib, node, kernel, load } = facts;
  const isQuiet = load < 0.5;
  const state = isQuiet
    ? 'It was quiet.'
    : `It was not quiet: other work kept it at a load of ${load}. So read ratios to the floor, and figures in processor time, rather than seconds.`;
  const single = figures.filter(({ curve }) => curve === undefined);
  const rows = single.map(
    ({ name, value, unit, floor, ratio }) =>
      `| \`${name}\` | ${value} ${unit} | ${floor} | ${ratio} |`,
  );
  const table =
    rows.length === 0
      ? []
      : [
          '## Single figures',
          '| measure | value | floor | ratio |',
          '|---|---|---|---|',
          ...rows,
          '',
        ];
  return [
    '# Performance',
    'What LimiQuantix costs as an installation grows. Every line is beside its floor, dashed: the same work by the plainest means, measured in',
    'the same run. Both axes are logarithmic: what grows in proportion rises by one power of ten with each to the right, what stays the same is flat.',
    '',
    `Measured on ${at.slice(0, 10)} at \`${commit}\`: ${processors} processors (${processor}), ${memoryGib} GiB, Node ${node}, Linux ${kernel}. ${state}`,
    'Machines and nodes are simulated; no guest runs.',
    '',
    ...parts,
    ...table,
    '## Again',
    '`make bench` measures everything and compares it with the run before; `make bench ONLY=vms,nodes` the curves alone, and',
    '`make bench ARGS=--help` says what else there is. `make performance RESULTS=bench-results/<run>.jsonl` draws this page from a run and keeps',
    'the run as `docs/performance/results.jsonl`, with which later ones are compared.',
    '',
  ].join('\n');
}
