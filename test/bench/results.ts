/** Files of results: a line about the run and its machine, then one for each figure. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Measured } from './measure.js';

/** Where runs are kept, from the repository's root; not under version control. */
export const resultsFolder = 'bench-results';
/** The run that `docs/performance.md` is made of, which is. */
export const publishedResults = 'docs/performance/results.jsonl';

/** A run and the machine that it was on. */
export interface RunFacts {
  readonly at: string;
  readonly commit: string;
  readonly processor: string;
  readonly processors: number;
  readonly memoryGib: number;
  readonly node: string;
  readonly kernel: string;
  /** The load of the last minute when the run began: 0 is a quiet machine. */
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
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
  };
}
