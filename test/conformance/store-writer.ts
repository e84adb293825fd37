/**
 * A process that writes to a store until it is killed: it prints the number of each write after the
 * store has acknowledged it. Started by `store.test.ts` with the implementation's name and the
 * folder.
 */
import { implementations } from './store-implementations.js';

const [name, folder, begin] = process.argv.slice(2);
const implementation = implementations.find((candidate) => candidate.name === name);
if (implementation === undefined || folder === undefined) throw new Error(`no store ${name}`);

const store = await implementation.open(folder);
const writers = 8;
await Promise.all(Array.from({ length: writers }, (_, i) => write(Number(begin ?? 0) + i)));

async function write(first: number): Promise<void> {
  for (let i = first; ; i += writers) {
    const value = new TextEncoder().encode(`value ${i}`);
    const key = `w/${String(i).padStart(8, '0')}`;
    const result = await store.commit({
      require: [{ kind: 'absent', key }],
      writes: [{ kind: 'put', key, value }],
    });
    process.stdout.write(`${result.ok ? i : `conflict at ${i}`}\n`);
  }
}
