/**
 * What a benchmark measures with, and what it says: one JSON line for each figure, beside the floor
 * that it is compared with. It decides nothing about what is good.
 */

/** A figure as a suite has it. */
export interface Figure {
  readonly name: string;
  /** One value, or several samples of it. */
  readonly value: number | readonly number[];
  readonly unit: string;
  /** The same work by the plainest means, in the same run and unit. */
  readonly floor: number | readonly number[];
  /** The curve that it is a point of, and where on it: a count of machines or nodes. */
  readonly curve?: { readonly name: string; readonly at: number };
}

/** A figure as a line of results has it. */
export interface Measured {
  readonly name: string;
  /** The median of the samples. */
  readonly value: number;
  readonly unit: string;
  readonly floor: number;
  /** The value in floors: what is compared, since a busy machine slows both. */
  readonly ratio: number;
  /** How many samples there are of the value. */
  readonly samples: number;
  /** How far samples are from the median, as a part of it; absent for a single one. */
  readonly spread?: number;
  readonly curve?: string;
  readonly at?: number;
}

const listeners = new Set<(measured: Measured) => void>();

/** Calls back with each figure that is printed. */
export function onFigure(listener: (measured: Measured) => void): void {
  listeners.add(listener);
}

/** Prints a figure as a JSON line on standard output. */
export function print(figure: Figure): void {
  const line = measuredOf(figure);
  process.stdout.write(`${JSON.stringify(line)}\n`);
  for (const listener of listeners) listener(line);
}

/** The line for a figure. */
export function measuredOf({ name, unit, curve, ...given }: Figure): Measured {
  const values = [given.value].flat();
  const floors = [given.floor].flat();
  const [value, floor] = [median(values), median(floors)];
  const spread = spreadOf(values) + spreadOf(floors);
  return {
    ...{ name, value: rounded(value), unit, floor: rounded(floor), ratio: rounded(value / floor) },
    samples: values.length,
    ...(values.length > 1 ? { spread: rounded(spread) } : {}),
    ...(curve === undefined ? {} : { curve: curve.name, at: curve.at }),
  };
}

const rounded = (value: number): number => Number(value.toPrecision(4));

/** Of a normal distribution, the standard deviation in median deviations. */
const deviations = 1.4826;

/** The median distance from the median as a part of it, in the manner of a standard deviation. */
function spreadOf(values: readonly number[]): number {
  const middle = median(values);
  return (deviations * median(values.map((value) => Math.abs(value - middle)))) / middle;
}

/** The middle one of several values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** How long something takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** The processor time of this process so far, in milliseconds: no other process counts in it. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
