/** The fuzzer finds what it must, makes it small, keeps it, and shows it again from its file. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'limiquantix-fuzz-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
jest.setTimeout(120_000);

function fuzz(env: Record<string, string>) {
  const main = join(__dirname, 'main.ts');
  const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', main], {
    encoding: 'utf8',
    env: {
      ...process.env,
      FUZZ_TABLE: join(__dirname, 'targets/faulty.ts'),
      FUZZ_KEEP: folder,
      FUZZ_HANG_MS: '8000',
      FUZZ_HEAP_MIB: '64',
      SEED: '7',
      ...env,
    },
  });
  return { stdout, status };
}

describe('over decoders with a fault each', () => {
  const { stdout, status } = fuzz({ SECONDS: '6' });
  const partOf = (target: string): string =>
    stdout.split('\n').reduce(
      ({ text, isIn }, line) => {
        const isOn = /^\S+:/.test(line) ? line.startsWith(`${target}:`) : isIn;
        return { text: isOn ? `${text}${line}\n` : text, isIn: isOn };
      },
      { text: '', isIn: false },
    ).text;

  test('passes a sound one', () => {
    expect(partOf('sound')).toMatch(/0 kept, \d+ new inputs \(\d+ refused\), nothing found/);
    expect(status).toBe(1);
  });

  test.each([
    ['wrong-error', 'error', /not the documented one/],
    ['wrong-value', 'error', /it is read as something else/],
    ['memory', 'memory', /\d+ bytes allocated for \d+, where \d+ are allowed/],
    ['heap', 'crash', /memory/],
    ['slow', 'slow', /ms for \d+ bytes, where \d+ are allowed/],
    ['hang', 'hang', /no end after 8000 ms/],
    ['late', 'crash', /nobody catches this/],
  ])('finds the fault of %s, makes its input small and keeps it', (target, kind, what) => {
    expect(partOf(target)).toMatch(what);
    expect(partOf(target)).toMatch(`${target}: ${kind} with the`);
    const [file = ''] = readdirSync(join(folder, target));
    expect(file).toMatch(new RegExp(`^${kind}-`));
    // Three bytes that are refused, and the one that does it.
    const bytes = readFileSync(join(folder, target, file)).length;
    if (kind === 'error') expect(bytes).toBe(4);
    else expect(bytes).toBeLessThan(200_000);
  });

  test('shows a finding again from its file', () => {
    const [file = ''] = readdirSync(join(folder, 'wrong-error'));
    const path = join(folder, 'wrong-error', file);
    const again = fuzz({ TARGET: 'wrong-error', INPUT: path });
    expect(again.stdout).toMatch(/not the documented one/);
    expect(again.status).toBe(1);
  });
});

test('names the targets that there are', () => {
  const { stdout, status } = fuzz({ TARGET: 'nothing' });
  expect(stdout).toMatch(/there is no target nothing; there are sound, wrong-error/);
  expect(status).toBe(2);
});
