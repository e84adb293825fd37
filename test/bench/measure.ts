/** What a benchmark prints: one JSON line for each figure, beside the floor it is compared with. */

/** A figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The same work by the plainest means, in the same run and unit. */
  readonly floor: number;
}

/** Prints a figure as `{"name","value","unit","floor","ratio"}`. */
export function print(figure: Figure): void {
  const round = (value: number): number => Number(value.toPrecision(4));
  const { name, value, unit, floor } = figure;
  const line = {
    name,
    value: round(value),
    unit,
    floor: round(floor),
    ratio: round(value / floor),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
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
