/** The descriptors of bundles beside the library's own: all that they say, whatever is asked first. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const run = (...args: string[]): string =>
  execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
const script = (name: string): string[] => ['--import', 'tsx', join(__dirname, name)];

test('descriptors that are made late say what the library makes at once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lqx-descriptors-'));
  try {
    run(...script('bundle-description.ts'), folder);
    const bundle = join(folder, 'describe-contract.mjs');
    const librarys = run(...script('describe-contract.ts'));
    expect(librarys.split('\n').length).toBeGreaterThan(3_000);
    expect(differences(run(bundle), librarys)).toEqual([]);
    expect(differences(run(bundle, '--services'), librarys)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The first lines that differ; all of them would be thousands. */
function differences(one: string, other: string): string[][] {
  const others = other.split('\n');
  return one
    .split('\n')
    .flatMap((line, at) => (line === others[at] ? [] : [[line, others[at] ?? '']]))
    .slice(0, 3);
}
