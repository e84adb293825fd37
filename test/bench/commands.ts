/**
 * How much processor time commands take to start, against the start of an empty Node program: what
 * users wait for at each Tab, and test suites pay hundreds of times.
 */
import { spawn } from 'node:child_process';
import { commandBundle } from '../harness/paths.js';
import { print } from './measure.js';

const runs = 10;
const warmRuns = 2;

const commands: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['command_help', ['--help']],
  ['command_version', ['--version']],
  ['command_explain', ['explain', 'vm']],
  // Nothing listens there: all that a command does before its call.
  ['command_get', 'get vm --endpoint http://127.0.0.1:9 --token none'.split(' ')],
  ['command_completion', ['__complete', '--', 'vm', 'st']],
];

/** Measures and prints. */
export async function benchCommands(): Promise<void> {
  for (const [name, args] of commands) {
    const values: number[] = [];
    const floors: number[] = [];
    for (let run = -warmRuns; run < runs; run += 1) {
      const value = await processorMs([commandBundle, ...args]);
      const floor = await processorMs(['-e', '0']);
      // The first ones fill Node's compile cache.
      if (run < 0) continue;
      values.push(value);
      floors.push(floor);
    }
    print({ name, value: values, unit: 'ms', floor: floors });
  }
}

/** The processor time of a run of Node with these arguments, its children's included. */
async function processorMs(args: readonly string[]): Promise<number> {
  const child = spawn(
    '/bin/sh',
    ['-c', '"$@" >/dev/null 2>&1; times', 'sh', process.execPath, ...args],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        LIMIQUANTIX_CA_CERTIFICATE: 'none',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await new Promise((resolve) => child.once('close', resolve));
  // The shell's own times, and on the second line those of what it ran: 0m0.120000s 0m0.040000s.
  const spent = [...(text.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return (
    spent.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0) *
    1_000
  );
}
