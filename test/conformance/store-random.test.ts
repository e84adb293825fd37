/**
 * What every store must do, whatever comes: random commits against a model, everything at once, and
 * a writer that is killed. Prints its seed; `STORE_SEED=<seed>` runs one again.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { seeded } from '../../proto/src/validation/check-testing.js';
import type { Requirement, StoreEvent, Write } from '../../server/src/store/store.js';
import { present, put, revisionOf, text, useStore } from './store-suite.js';

const seed = Number(process.env['STORE_SEED'] ?? Date.now() % 1_000_000);
jest.setTimeout(30_000);
process.stderr.write(`stores: STORE_SEED=${seed}\n`);

describe.each(present)('store $name', (implementation) => {
  const on = useStore(implementation);

  it(`is the same for all who write, list and watch at once (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const { fromRevision, prefix } = { fromRevision: on.begin, prefix: 'c/' };
    const change = async (): Promise<void> => {
      for (let step = 0; step < 40; step += 1) {
        const key = `c/${random(6)}`;
        const entry = await on.store.get(key);
        const require: Requirement =
          entry === undefined
            ? { kind: 'absent', key }
            : { kind: 'revision', key, revision: entry.revision };
        const count = Number(text(entry?.value) ?? 0) + 1;
        const one: Write = random(8) === 0 ? { kind: 'delete', key } : put(key, String(count));
        await on.store.commit({ require: [require], writes: [one] });
      }
    };
    let last = 0n;
    const states = new Map<bigint, string>();
    const replay = new Map<string, string>();
    const stop = new AbortController();
    const watching = (async () => {
      for await (const { events } of on.store.watch({
        prefix,
        fromRevision,
        signal: stop.signal,
      })) {
        for (const event of events) {
          const key = event.kind === 'put' ? event.entry.key : event.key;
          expect(text(event.previous)).toBe(replay.get(key));
          applyTo(replay, event.kind === 'put' ? { ...event.entry, kind: 'put' } : event);
          states.set(revisionOf(event), stateOf(replay));
        }
        if (states.has(last)) return;
      }
    })();
    const lists: [revision: bigint, state: string][] = [];
    const list = async (): Promise<void> => {
      for (let i = 0; i < 20; i += 1) {
        const first = await on.store.list({ prefix, limit: 2 });
        const rest = await on.listAll(prefix, first.revision);
        const state = rest.map(({ key, value }) => `${key}=${text(value)}`).join();
        lists.push([first.revision, state]);
      }
    };
    await Promise.all([...Array.from({ length: 6 }, change), list()]);
    last = await on.store.commit({ require: [], writes: [put('c/last')] }).then((result) => {
      if (!result.ok) throw new Error('a commit without conditions failed');
      return result.revision;
    });
    // Another change, for a watcher that had the last one before its writer had the answer.
    await on.write([put('c/end')]);
    await watching;
    stop.abort();
    const order = [...states.keys()].sort((a, b) => Number(a - b));
    for (const [revision, state] of lists) {
      const at = order.filter((one) => one <= revision).at(-1);
      expect(state).toBe(at === undefined ? '' : states.get(at));
    }
  });

  it(`agrees with a model over random commits (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const model = new Map<string, string>();
    const versions: [revision: bigint, state: string][] = [];
    for (let step = 0; step < 300; step += 1) {
      const keys = new Set(Array.from({ length: 1 + random(3) }, () => `k/${random(12)}`));
      const writes = [...keys].map(
        (key): Write => (random(3) === 0 ? { kind: 'delete', key } : put(key, String(step))),
      );
      const require = requirementsOf(random, model);
      const result = await on.store.commit({ require: require.list, writes });
      expect(result.ok).toBe(require.hold);
      if (result.ok) for (const one of writes) applyTo(model, one);
      versions.push([await on.store.revision(), stateOf(model)]);
    }
    for (const [revision, state] of versions.filter(() => random(10) === 0)) {
      const entries = await on.listAll('k/', revision);
      expect(entries.map(({ key, value }) => `${key}=${text(value)}`).join()).toBe(state);
    }
    const replay = new Map<string, string>();
    const last = await on.store.revision();
    const events = await on.watchUntil(
      { prefix: 'k/', fromRevision: on.begin },
      (_, at) => at >= last,
    );
    for (const event of events) {
      const key = event.kind === 'put' ? event.entry.key : event.key;
      expect(text(event.previous)).toBe(replay.get(key));
      applyTo(replay, event.kind === 'put' ? { ...event.entry, kind: 'put' } : event);
    }
    expect(stateOf(replay)).toBe(stateOf(model));
  });

  const itSurvives = implementation.isInMemory ? it.skip : it;
  itSurvives(
    'loses no acknowledged write when its process is killed',
    async () => {
      await on.store.close();
      const acknowledged: number[] = [];
      for (const round of [0, 1, 2]) {
        const wanted = acknowledged.length + 200;
        const begin = round * 1_000_000;
        const child = startWriter(implementation.name, on.folder, begin);
        const exited = once(child, 'exit');
        for await (const line of createInterface({
          input: child.stdout as NodeJS.ReadableStream,
        })) {
          acknowledged.push(Number(line));
          if (acknowledged.length === wanted) child.kill('SIGKILL');
        }
        await exited;
      }
      await on.reopen();
      const kept = new Map(
        (await on.listAll('w/', undefined, 5000)).map((e) => [e.key, text(e.value)]),
      );
      for (const i of acknowledged) {
        expect(kept.get(`w/${String(i).padStart(8, '0')}`)).toBe(`value ${i}`);
      }
      expect(acknowledged.length).toBeGreaterThanOrEqual(600);
    },
    60_000,
  );
});

function startWriter(name: string, folder: string, begin: number): ChildProcess {
  const script = join(__dirname, 'store-writer.ts');
  const flags = ['--disable-warning=ExperimentalWarning', '--import', 'tsx'];
  return spawn(process.execPath, [...flags, script, name, folder, String(begin)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Said aloud: the environment that jest shows is not the process's own.
    env: { ...process.env },
  });
}

function requirementsOf(random: (below: number) => number, model: Map<string, string>) {
  const key = `k/${random(12)}`;
  if (random(2) === 0) return { list: [], hold: true };
  const kind = random(2) === 0 ? 'absent' : 'exists';
  return { list: [{ kind, key } as const], hold: model.has(key) === (kind === 'exists') };
}

function applyTo(model: Map<string, string>, write: Write | StoreEvent): void {
  if (write.kind === 'delete') model.delete(write.key);
  else if ('value' in write) model.set(write.key, text(write.value) ?? '');
}

const stateOf = (model: Map<string, string>): string =>
  [...model]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join();

/** Whole numbers below a bound, the same for the same seed. */
function randomOf(start: number): (below: number) => number {
  const random = seeded(start);
  return (below) => (random() * 2 ** 32) % below;
}
