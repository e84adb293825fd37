/** What the SQLite store forgets, by age and by size, on a clock that is told the time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore, type SqliteStoreOptions } from './sqlite.js';
import type { Store } from './store.js';

let folder: string;
let store: Store;
let nowMs = 0;

function open(options: Partial<SqliteStoreOptions>): void {
  folder = mkdtempSync(join(tmpdir(), 'limiquantix-store-'));
  store = openSqliteStore({ path: join(folder, 'store.db'), nowMs: () => nowMs, ...options });
}

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Writes one key so many times. */
async function write(times: number, bytes = 10): Promise<void> {
  const value = new Uint8Array(bytes);
  const one = { require: [], writes: [{ kind: 'put', key: 'k', value } as const] };
  await Promise.all(Array.from({ length: times }, () => store.commit(one)));
  // What is compacted is so in turns of the event loop after the commit.
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function isKept(revision: bigint): Promise<boolean> {
  const listed = store.list({ prefix: '', limit: 1, revision });
  return listed.then(
    () => true,
    (cause: { reason?: string }) => {
      expect(cause.reason).toBe('COMPACTED');
      return false;
    },
  );
}

it('forgets what is older than it is told to keep', async () => {
  open({ historyMsMax: 60_000, historyRevisionsMin: 100 });
  await write(2_500);
  nowMs += 50_000;
  await write(1_500);
  expect(await isKept(1n)).toBe(true);
  nowMs += 20_000;
  await write(1_500);
  expect(await isKept(1n)).toBe(false);
  expect(await isKept(3_900n)).toBe(true);
});

it('keeps the newest revisions however old they are', async () => {
  open({ historyMsMax: 60_000, historyRevisionsMin: 10_000 });
  await write(2_500);
  nowMs += 3_600_000;
  await write(1_500);
  expect(await isKept(1n)).toBe(true);
});

it('forgets the oldest when history is bigger than it may be', async () => {
  open({ historyBytesMax: 1_000_000 });
  for (let i = 0; i < 30; i += 1) await write(1, 100_000);
  expect(await isKept(5n)).toBe(false);
  expect(await isKept(28n)).toBe(true);
  const newest = await store.list({ prefix: '', limit: 1 });
  expect(newest.entries[0]?.value).toHaveLength(100_000);
});
