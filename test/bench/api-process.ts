/**
 * The API in a process of its own for benchmarks: store, view and listener, without reconcilers.
 * Says over IPC where it listens, and does there what only its own process can: fill the store,
 * measure its memory, and the floors that the API's figures are compared with.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestInstallation } from '../../server/src/api/test-installation.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { typePrefix } from '../../server/src/resource/keys.js';
import { recordWrites } from '../../server/src/resource/record.js';
import { openSqliteStore } from '../../server/src/store/sqlite.js';
import { machine } from './machine.js';

/** What the process can be asked to do; each answers with a number. */
export type ApiTask =
  /** Stores so many machines; answers with the bytes of one record. */
  | { readonly name: 'fill'; readonly count: number }
  /** Answers with the bytes that the process has after a collection of garbage. */
  | { readonly name: 'memory' }
  /** Answers with the milliseconds that reading all machines from the store takes. */
  | { readonly name: 'list' }
  /** Commits so many transactions like those of a creation, by so many writers; milliseconds. */
  | { readonly name: 'commit'; readonly count: number; readonly writers: number };

const fillCommitMax = 500;
const storePage = 1000;

const installation = await startTestInstallation({ clock: systemClock });
const { context, endpoint, token, authority } = installation;
const type = context.types.get('vm');

async function fill(count: number): Promise<number> {
  let bytes = 0;
  for (let begin = 0; begin < count; begin += fillCommitMax) {
    const some = Array.from({ length: Math.min(fillCommitMax, count - begin) }, (_, i) =>
      recordWrites(type, machine(context.newId(), begin + i)),
    );
    const [first] = some[0] ?? [];
    if (first?.kind === 'put') bytes = first.value.length;
    await context.store.commit({ require: [], writes: some.flat() });
  }
  await context.view.settled(await context.store.revision());
  return bytes;
}

async function memory(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return process.memoryUsage().rss;
}

async function list(): Promise<number> {
  const begin = performance.now();
  let from: string | undefined;
  do {
    const page = await context.store.list({ prefix: typePrefix('vm'), limit: storePage, from });
    from = page.next;
  } while (from !== undefined);
  return performance.now() - begin;
}

/** On a store of its own, on the same disk. */
async function commit(count: number, writers: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'limiquantix-floor-'));
  const store = openSqliteStore({ path: join(folder, 'store.db'), nowMs: Date.now });
  const value = new Uint8Array(400);
  let made = 0;
  const begin = performance.now();
  const write = async (): Promise<void> => {
    while (made < count) {
      made += 1;
      const key = String(made).padStart(12, '0');
      await store.commit({
        require: [{ kind: 'absent', key: `n/${key}` }],
        writes: [
          { kind: 'put', key: `r/${key}`, value },
          { kind: 'put', key: `n/${key}`, value: value.subarray(0, 36) },
        ],
      });
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  const tookMs = performance.now() - begin;
  await store.close();
  rmSync(folder, { recursive: true });
  return tookMs;
}

async function perform(task: ApiTask): Promise<number> {
  if (task.name === 'fill') return fill(task.count);
  if (task.name === 'memory') return memory();
  if (task.name === 'list') return list();
  return commit(task.count, task.writers);
}

process.on('message', (task: ApiTask) => {
  void perform(task).then((answer) => process.send?.({ answer }));
});
process.on('disconnect', () => void installation.stop().then(() => process.exit()));
process.send?.({ endpoint, token, caPem: authority.certificatePem });
