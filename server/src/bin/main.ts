/**
 * The `limiquantix` command: the process around the program. Only this folder reads the
 * environment, the arguments and the signals.
 */
import './warnings.js';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Cli } from './cli.js';

// Compiled code is kept for the next start, by Node's own means and where caches belong.
const caches = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
module.enableCompileCache?.(join(caches, 'limiquantix', 'compiled'));

const end = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // Who asks twice doesn't want to wait.
    if (end.signal.aborted) process.exit(130);
    end.abort();
  });
}
// A reader that went away, as in `limiquantix get vm | head -1`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const output = (stream: NodeJS.WriteStream) => ({
  isTerminal: stream.isTTY === true,
  write: (text: string) => void stream.write(text),
});
const cli: Cli = {
  env: process.env,
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  readStdin: async () => (await import('node:stream/consumers')).text(process.stdin),
  nowMs: () => Date.now(),
  signal: end.signal,
};
const { runProgram } = await import('./program.js');
process.exitCode = await runProgram(cli, process.argv.slice(2));
