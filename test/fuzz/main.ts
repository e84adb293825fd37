/**
 * `make fuzz`: tries decoders with input that is broken on purpose. TARGET names some of them with
 * commas between, SEED repeats a run, SECONDS is for how long, over all of them, and INPUT tries
 * one file alone. Ends with 1 where something was found.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runSession } from './session.js';
import { isFinding, type Target } from './target.js';
import { Watchdog } from './watchdog.js';

const { env } = process;
const msOfSecond = 1_000;
const secondsDefault = 60;
/** For the harness' own tests. */
const numberIn = (name: string): number | undefined => Number(env[name] ?? 0) || undefined;
const table = env['FUZZ_TABLE'] ?? join(import.meta.dirname, 'targets/table.ts');
const { targets: all } = (await import(table)) as { targets: readonly Target[] };

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const names = (env['TARGET'] ?? '').split(',').filter((name) => name !== '');
const unknown = names.find((name) => !all.some((target) => target.name === name));
if (unknown !== undefined) {
  say(`there is no target ${unknown}; there are ${all.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const targets = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
// Folders that targets make are below one that goes at the end.
const scratch = mkdtempSync(join(tmpdir(), 'limiquantix-fuzz-'));
env['TMPDIR'] = scratch;
const watchdog = new Watchdog({
  table,
  hangMs: numberIn('FUZZ_HANG_MS'),
  heapMebibytes: numberIn('FUZZ_HEAP_MIB'),
});
const found = env['INPUT'] ? await tryOne(env['INPUT']) : await tryMany();
await watchdog.close();
rmSync(scratch, { recursive: true });
process.exit(found > 0 ? 1 : 0);

async function tryOne(path: string): Promise<number> {
  const input = readFileSync(path);
  let findings = 0;
  for (const { name } of targets) {
    const outcome = await watchdog.try(name, input);
    if (isFinding(outcome)) findings += 1;
    const what = 'what' in outcome ? outcome.what : 'why' in outcome ? outcome.why : '';
    say(`${name}: ${outcome.kind} with ${relative('.', path)}\n    ${what}`);
  }
  return findings;
}

async function tryMany(): Promise<number> {
  const seed = Number(env['SEED'] || Date.now() % 1_000_000);
  const seconds = Number(env['SECONDS'] || secondsDefault);
  say(`fuzz: SEED=${seed} SECONDS=${seconds}, ${targets.length} targets`);
  const reports = await runSession({
    ...{ targets, watchdog, seed, say },
    msOfTarget: (seconds * msOfSecond) / targets.length,
    folder: env['FUZZ_KEEP'],
  });
  const sum = (of: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const findings = sum((report) => report.findings.length);
  say(
    `fuzz: ${sum(({ kept }) => kept)} kept and ${sum(({ inputs }) => inputs)} new inputs, ` +
      `${findings} found`,
  );
  return findings;
}
