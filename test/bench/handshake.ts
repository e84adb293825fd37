/** Provider start → handshake line, against the start of an empty Node program. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeMirror } from '../harness/terraform.js';
import { print, timed } from './measure.js';

const runs = 15;

/** Measures and prints. */
export async function benchHandshake(): Promise<void> {
  const mirror = makeMirror(join(mkdtempSync(join(tmpdir(), 'lqx-bench-')), 'mirror'));
  const provider = join(
    mirror,
    'registry.terraform.io/limiquantix/limiquantix/0.1.0',
    `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`,
    'terraform-provider-limiquantix_v0.1.0',
  );
  const values: number[] = [];
  const floors: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    values.push(await timed(() => firstLine(provider, [])));
    floors.push(await timed(() => firstLine(process.execPath, ['-e', 'console.log(1)'])));
  }
  print({ name: 'provider_handshake', value: values, unit: 'ms', floor: floors });
}

/** Starts a program and ends it after its first line. */
async function firstLine(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, {
    env: {
      PATH: process.env['PATH'] ?? '',
      TF_PLUGIN_MAGIC_COOKIE: 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
      PLUGIN_PROTOCOL_VERSIONS: '6',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${program} ended without a line`)));
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}
