/**
 * `make simulate`: bundles the simulator and runs it with the arguments. Many seeds are shared out
 * to a process for each processor, some at a time, so that what happens is told meanwhile and no
 * process grows for hours. Ends with 1 where a seed failed.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { bundleSimulator, simulatorFlags } from './bundle.js';

/** Seeds of one process. */
const seedsAtOnce = 250;

const given = process.argv.slice(2);
const numberOf = (name: string): number | undefined => {
  const word = given.find((one) => one.startsWith(`--${name}=`));
  return Number(word?.slice(name.length + 3) ?? '') || undefined;
};

await bundleSimulator();
const count = numberOf('count') ?? 1;
process.exitCode = count <= seedsAtOnce ? await run(given) : await runMany();

/** One process of the simulator; resolves with its exit code. */
function run(words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...simulatorFlags, ...words], { stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

async function runMany(): Promise<number> {
  const first = numberOf('seed') ?? Date.now() % 2 ** 31;
  const rest = given.filter((word) => !/^--(seed|count)=/.test(word));
  const codes: number[] = [];
  let next = first;
  const work = async (): Promise<void> => {
    while (next < first + count) {
      const seed = next;
      next = Math.min(seed + seedsAtOnce, first + count);
      codes.push(await run([`--seed=${seed}`, `--count=${next - seed}`, ...rest]));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return Math.max(...codes);
}
