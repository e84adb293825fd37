/** Writes docs/cli.md from the program itself; with --check, fails where it isn't so. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cli } from '../src/bin/cli.js';
import { docsPage } from '../src/bin/docs-page.js';
import { createProgram } from '../src/bin/program.js';

const path = join(dirname(fileURLToPath(import.meta.url)), '../../docs/cli.md');
const silent = { isTerminal: false, write: () => undefined };
const cli: Cli = {
  env: {},
  stdout: silent,
  stderr: silent,
  readStdin: async () => '',
  nowMs: () => 0,
  signal: new AbortController().signal,
};
const page = docsPage(await createProgram(cli, undefined));
if (process.argv.includes('--check')) {
  const is = await readFile(path, 'utf8').catch(() => '');
  if (is !== page) {
    process.stderr.write('docs/cli.md is not what the program says: run make docs\n');
    process.exitCode = 1;
  }
} else await writeFile(path, page);
