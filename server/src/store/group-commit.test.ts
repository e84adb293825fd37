/** Writers that come together share a flush to disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from './sqlite.js';
import { SqliteDatabase } from './sqlite-database.js';

it('commits what comes in the same turns of the event loop in one flush, and one alone at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'limiquantix-group-'));
  const transact = jest.spyOn(SqliteDatabase.prototype, 'transact');
  const store = openSqliteStore({ path: join(folder, 'store.db'), nowMs: () => 0 });
  const write = (key: string) =>
    store.commit({ require: [], writes: [{ kind: 'put', key, value: new Uint8Array(1) }] });
  const turns = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  transact.mockClear();
  const commits = [0, 1, 2, 3, 4].map((turn) => turns(turn).then(() => write(`k${turn}`)));
  await Promise.all(commits);
  expect(transact).toHaveBeenCalledTimes(1);
  // However much comes, nobody waits for more than a few turns.
  const first = write('first');
  let isDone = false;
  void first.then(() => {
    isDone = true;
  });
  let came = 0;
  for (; !isDone && came < 100; came += 1) {
    void write(`more ${came}`);
    await turns(1);
  }
  expect(came).toBeLessThan(12);
  await turns(10);
  await store.close();
  transact.mockRestore();
  rmSync(folder, { recursive: true });
});
