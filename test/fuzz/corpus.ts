/**
 * The inputs that are kept: those that once showed a bug, and some that reach far. One file for
 * each in `corpus/<target>/`; they are tried before all others.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const corpus = join(import.meta.dirname, 'corpus');

/** An input that is kept. */
export interface Kept {
  /** The file, from where the command is run. */
  readonly path: string;
  readonly input: Uint8Array;
}

/** What is kept for a target, by name. */
export function corpusOf(target: string): Kept[] {
  const dir = join(corpus, target);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .sort()
    .map((name) => join(dir, name))
    .map((path) => ({ path: relative('.', path), input: readFileSync(path) }));
}

/** What to keep, and where. */
export interface Keeping {
  readonly target: string;
  readonly input: Uint8Array;
  /** What it showed, in a word. */
  readonly about: string;
  /** The corpus without it. */
  readonly folder: string | undefined;
}

/** Keeps an input; returns its file. */
export function keep({ target, input, about, folder = corpus }: Keeping): string {
  const dir = join(folder, target);
  mkdirSync(dir, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 8);
  const path = join(dir, `${about}-${digest}`);
  writeFileSync(path, input);
  return relative('.', path);
}
