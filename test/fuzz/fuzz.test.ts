/**
 * A short run of the fuzzer: every input that is kept, and new ones for a few seconds. Longer runs:
 * `make fuzz`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const seconds = 10;
jest.setTimeout(180_000);

test('decoders take broken input without a crash, a hang, or much memory', () => {
  const main = join(__dirname, 'main.ts');
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', main], {
    encoding: 'utf8',
    env: {
      ...process.env,
      SECONDS: process.env['SECONDS'] ?? String(seconds),
      // What is found here is kept where a developer finds it, and not among the sources.
      FUZZ_KEEP: join(__dirname, '../../.build/fuzz'),
    },
  });
  if (status !== 0) throw new Error(`${stdout}\n${stderr}`);
  expect(stdout).toMatch(/ 0 found$/m);
});
