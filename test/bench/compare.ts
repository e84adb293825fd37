/**
 * Compares two runs, figure by figure and by their ratios to the floors, and says which changes are
 * more than noise. Pure.
 */
import type { Measured } from './measure.js';

/** What became of a figure. */
export type Verdict = 'better' | 'worse' | 'same' | 'new' | 'gone';

/** A figure in both runs. */
export interface Compared {
  readonly name: string;
  readonly verdict: Verdict;
  readonly before: Measured | undefined;
  readonly after: Measured | undefined;
  /** How much the ratio to the floor changed: 0.1 is a tenth more. */
  readonly change: number;
  /** How much it may change, up or down by a factor, without a reason. */
  readonly noise: number;
}

/** Less than this is nothing, however steady the samples are. */
const noiseMin = 0.1;
/** Of a figure with one sample, nobody knows. */
const spreadUnknown = 0.1;
const spreadsOfNoise = 2;

/** Compares; in the order of the newer run, then what it doesn't have. */
export function compareRuns(
  before: readonly Measured[],
  after: readonly Measured[],
): readonly Compared[] {
  const old = new Map(before.map((one) => [one.name, one]));
  const names = new Set(after.map(({ name }) => name));
  const now = after.map((one) => compare(old.get(one.name), one));
  const gone = before.filter(({ name }) => !names.has(name));
  return [...now, ...gone.map((one) => compare(one, undefined))];
}

function compare(before: Measured | undefined, after: Measured | undefined): Compared {
  const { name = '' } = after ?? before ?? {};
  if (before === undefined || after === undefined) {
    const verdict = before === undefined ? 'new' : 'gone';
    return { name, verdict, before, after, change: 0, noise: 0 };
  }
  const change = after.ratio / before.ratio - 1;
  const spread = spreadIn(before) + spreadIn(after);
  const noise = Math.max(noiseMin, spreadsOfNoise * spread);
  // A rate that halves is as bad as a time that doubles.
  const size = Math.max(after.ratio / before.ratio, before.ratio / after.ratio) - 1;
  const isMore = change > 0 === isRate(after.unit);
  const verdict = size <= noise ? 'same' : isMore ? 'better' : 'worse';
  return { name, verdict, before, after, change, noise };
}

const spreadIn = ({ spread = spreadUnknown }: Measured): number => spread;

/** Of what is counted in a second, more is better; of all else, less. */
const isRate = (unit: string): boolean => unit.endsWith('/s');

/** The comparison as a table for people. */
export function comparisonTable(all: readonly Compared[]): string {
  const rows = all.map((one) => [
    one.verdict,
    one.name,
    shown(one.before),
    shown(one.after),
    one.before && one.after ? `×${times(one.change)} (noise ×${times(one.noise)})` : '',
  ]);
  const head = ['', 'figure', 'before', 'after', 'ratio to floor'];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const count = (verdict: Verdict): string =>
    `${all.filter((one) => one.verdict === verdict).length} ${verdict}`;
  const verdicts = ['worse', 'better', 'same', 'new', 'gone'] as const;
  return [...[head, ...rows].map(line), verdicts.map(count).join(', ')].join('\n');
}

const shown = (one: Measured | undefined): string =>
  one === undefined ? '' : `${one.value} ${one.unit} (${one.ratio}×)`;

const times = (part: number): string => (1 + part).toFixed(2);
