/** Files of results: a line about the run and its machine, then one for each figure. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Measured } from './measure.js';

/** Where runs are kept, from the repository's root; not under version control. */
export const resultsFolder = 'bench-results';
/** The run that `docs/performance.md` is made of, which is. */
export const publishedResults = 'docs/performance/results.jsonl';

/** So long is looked at how busy the machine is. */
const msOfLook = 1_000;

/** A run and the machine that it was on. */
export interface RunFacts {
  readonly at: string;
  readonly commit: string;
  readonly processor: string;
  readonly processors: number;
  readonly memoryGib: number;
  readonly node: string;
  readonly kernel: string;
  /** How many processors other work kept busy when the run began: 0 is a quiet machine. */
  readonly load: number;
}

/** A run that was read. */
export interface Run {
  readonly path: string;
  readonly facts: RunFacts;
  readonly figures: readonly Measured[];
}

/** Begins a file; what it returns adds figures. */
export function beginResults(): { readonly path: string; add(figure: Measured): void } {
  mkdirSync(resultsFolder, { recursive: true });
  const facts = factsOf();
  const time = facts.at.slice(0, 19).replaceAll(':', '');
  const path = join(resultsFolder, `${time}-${facts.commit}.jsonl`);
  const write = (line: unknown): void => appendFileSync(path, `${JSON.stringify(line)}\n`);
  write({ run: facts });
  return { path, add: write };
}

/** Reads a file. Throws where it is none of results. */
export function readResults(path: string): Run {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const [first, ...figures] = lines.map((line) => JSON.parse(line) as unknown);
  const { run } = (first ?? {}) as { readonly run?: RunFacts };
  if (run === undefined) throw new Error(`${path} holds no results of make bench`);
  // A figure that was measured again in the same run counts as it was last.
  const byName = new Map((figures as Measured[]).map((one) => [one.name, one]));
  return { path, facts: run, figures: [...byName.values()] };
}

/** The newest run before one; else the published one, if there is any. */
export function resultsBefore(path: string): Run | undefined {
  const names = existsSync(resultsFolder) ? readdirSync(resultsFolder).sort() : [];
  const before = names.map((name) => join(resultsFolder, name)).filter((one) => one < path);
  const newest = before.filter((one) => one.endsWith('.jsonl')).at(-1);
  if (newest !== undefined) return readResults(newest);
  return existsSync(publishedResults) ? readResults(publishedResults) : undefined;
}

function factsOf(): RunFacts {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const [first] = cpus();
  const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-changed';
  return {
    at: new Date().toISOString(),
    commit: `${git('rev-parse', '--short', 'HEAD')}${dirty}`,
    processor: first?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    kernel: release(),
    load: Number(busyProcessors().toFixed(1)),
  };
}

/** How many processors are busy, looked at for a second in which this process does nothing. */
function busyProcessors(): number {
  const sum = (): { readonly all: number; readonly idle: number } => {
    const times = cpus().map((one) => one.times);
    const idle = times.reduce((total, time) => total + time.idle, 0);
    const all = times.reduce((total, time) => total + Object.values(time).reduce(plus, 0), 0);
    return { all, idle };
  };
  const before = sum();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, msOfLook);
  const after = sum();
  const all = after.all - before.all;
  return all === 0 ? 0 : (1 - (after.idle - before.idle) / all) * cpus().length;
}

const plus = (a: number, b: number): number => a + b;
