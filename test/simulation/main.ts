/**
 * The simulator's process. It runs one seed, or many one after the other, and tells which of them
 * broke what and how to run those again: in words, or with `--json` as a line of JSON for each
 * seed. The only file of the simulation that knows the real time.
 */
import type { Facts } from './invariants.js';
import { mutations } from './mutations.js';
import { type RunResult, run } from './run.js';

// A stack for each error would take most of the time; STACK=20 shows them.
Error.stackTraceLimit = Number(process.env['STACK'] ?? 0);

const stepsDefault = 16;
const linesShown = 60;

const options = new Map(
  process.argv.slice(2).map((word) => {
    const [name = '', value = ''] = word.replace(/^--/, '').split('=');
    return [name, value] as const;
  }),
);

function numberOf(name: string, without: number): number {
  const text = options.get(name) ?? '';
  return text === '' ? without : Number(text);
}

/** One line. */
function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Tells what came of a seed. */
function tell(result: RunResult, steps: number): void {
  const { seed, breach, lines, faults, ...figures } = result;
  if (options.has('json')) {
    say(JSON.stringify({ seed, breach, ...figures, faults: [...faults] }));
    return;
  }
  if (breach === undefined && !options.has('trace')) return;
  for (const line of lines.slice(-numberOf('trace', linesShown))) say(line);
  if (breach === undefined) return;
  say(`seed ${seed} broke: ${breach.invariant}`);
  say(`  ${breach.what}`);
  say(`again: make simulate SEED=${seed} STEPS=${steps}`);
}

/** Shows the resources of the types that were asked for, and the machines in the backends. */
function show({ model, hosts }: Facts): void {
  const types = (options.get('show') ?? '').split(',').filter((word) => word !== '');
  const plain = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value;
  for (const resource of types.flatMap((type) => model.list(type))) {
    say(JSON.stringify(resource, plain));
  }
  for (const { name, libvirtd, disks } of types.length === 0 ? [] : hosts) {
    for (const domain of libvirtd.all()) {
      const { state, persistent, live } = domain;
      const facts = { state, isDefined: persistent !== undefined, runs: live !== undefined };
      say(`${name} ${domain.name} ${JSON.stringify(facts)}`);
    }
    say(`${name} ${disks.paths.join(' ')}`);
  }
}

/** Whether a bug that was put in is found, by the invariant that has to. */
function isFound({ breach }: RunResult): boolean {
  return breach !== undefined && (mutation?.foundBy ?? breach.invariant) === breach.invariant;
}

const first = numberOf('seed', Date.now() % 2 ** 31);
const count = numberOf('count', 1);
const steps = numberOf('steps', stepsDefault);
const mutation = mutations.find(({ name }) => name === options.get('mutation'));
const beganMs = performance.now();
const sum = { simulatedMs: 0, failed: 0, turns: 0, commits: 0 };
for (let seed = first; seed < first + count; seed += 1) {
  const result = await run({ seed, steps, mutation, onEnd: show });
  sum.simulatedMs += result.simulatedMs;
  sum.turns += result.turns;
  sum.commits += result.commits;
  if (result.breach !== undefined) sum.failed += 1;
  tell(result, steps);
  if (options.has('until-found') && isFound(result)) break;
}
const wallMs = performance.now() - beganMs;
if (!options.has('json')) {
  const minutes = wallMs / 60_000;
  const hours = (sum.simulatedMs / 3_600_000 / minutes).toFixed(1);
  const each = [wallMs, sum.turns, sum.commits].map((one) => Math.round(one / count));
  say(`${count} seeds from ${first} on with ${steps} steps: ${sum.failed} failed`);
  say(
    `each ${each[0]} ms, ${each[1]} turns, ${each[2]} commits; ${hours} simulated hours a minute`,
  );
}
process.exitCode = sum.failed === 0 ? 0 : 1;
