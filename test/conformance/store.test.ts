/**
 * What every store must do, against each implementation; `store-random.test.ts` has what chance
 * finds.
 */
import type { CommitResult, Requirement, Write } from '../../server/src/store/store.js';
import { until } from '../harness/wait.js';
import { bytes, present, put, revisionOf, text, useStore } from './store-suite.js';

jest.setTimeout(30_000);

describe.each(present)('store $name', (implementation) => {
  const on = useStore(implementation);

  it('gives each commit the next revision and keeps it with the key', async () => {
    const first = await on.write([put('a', '1'), put('b', '2')]);
    const second = await on.write([put('a', '3')]);
    expect(second).toBeGreaterThan(first);
    expect(await on.store.get('a')).toEqual({ key: 'a', value: bytes('3'), revision: second });
    expect((await on.store.get('b'))?.revision).toBe(first);
    expect(await on.store.get('c')).toBeUndefined();
    expect(await on.store.revision()).toBe(second);
  });

  it('keeps empty values apart from absent keys', async () => {
    await on.write([put('a', '')]);
    expect((await on.store.get('a'))?.value).toHaveLength(0);
  });

  it.each<[Requirement, boolean]>([
    [{ kind: 'absent', key: 'a/1' }, false],
    [{ kind: 'absent', key: 'z' }, true],
    [{ kind: 'exists', key: 'a/1' }, true],
    [{ kind: 'exists', key: 'z' }, false],
    [{ kind: 'revision', key: 'a/1', revision: 0n }, true],
    [{ kind: 'revision', key: 'a/1', revision: 1n }, false],
    [{ kind: 'revision', key: 'z', revision: 0n }, false],
    [{ kind: 'empty', prefix: 'a/' }, false],
    [{ kind: 'empty', prefix: 'b/' }, true],
    [{ kind: 'empty', prefix: 'a/1' }, false],
    [{ kind: 'empty', prefix: 'a/1/' }, true],
    [{ kind: 'empty', prefix: 'a' }, false],
  ])('commits on %o: %s', async (wanted, holds) => {
    const at = await on.write([put('a/1'), put('a0')]);
    // Revisions are counted from the one that wrote the key.
    const requirement =
      wanted.kind === 'revision' ? { ...wanted, revision: at + wanted.revision } : wanted;
    const result = await on.store.commit({ require: [requirement], writes: [put('n')] });
    expect(result.ok).toBe(holds);
    if (!result.ok) expect(result.failed).toEqual(requirement);
    expect((await on.store.get('n')) !== undefined).toBe(holds);
  });

  it('writes all of a transaction or nothing', async () => {
    await on.write([put('a')]);
    const writes = [put('b'), { kind: 'delete', key: 'a' } as const];
    await on.store.commit({ require: [{ kind: 'exists', key: 'z' }], writes });
    expect((await on.listAll('')).map(({ key }) => key)).toEqual(['a']);
    await on.write(writes);
    expect((await on.listAll('')).map(({ key }) => key)).toEqual(['b']);
  });

  it('lets exactly one of many concurrent writers win', async () => {
    for (const round of [1, 2, 3]) {
      const key = `guard/${round}`;
      const results = await Promise.all(
        Array.from({ length: 64 }, (_, i) =>
          on.store.commit({ require: [{ kind: 'absent', key }], writes: [put(key, String(i))] }),
        ),
      );
      const winners = results.flatMap((result, i) => (result.ok ? [String(i)] : []));
      expect(winners).toEqual([text((await on.store.get(key))?.value)]);
    }
  });

  it('never loses an increment of concurrent compare-and-swap loops', async () => {
    await on.write([put('count', '0')]);
    const increment = async (): Promise<void> => {
      for (;;) {
        const entry = await on.store.get('count');
        if (entry === undefined) throw new Error('gone');
        const result: CommitResult = await on.store.commit({
          require: [{ kind: 'revision', key: 'count', revision: entry.revision }],
          writes: [put('count', String(Number(text(entry.value)) + 1))],
        });
        if (result.ok) return;
      }
    };
    await Promise.all(Array.from({ length: 30 }, increment));
    expect(text((await on.store.get('count'))?.value)).toBe('30');
  });

  it('lists at one revision while others write', async () => {
    for (let i = 0; i < 10; i += 1) await on.write([put(`k/${i}`, 'old')]);
    const first = await on.store.list({ prefix: 'k/', limit: 4 });
    await on.write([put('k/5', 'new'), { kind: 'delete', key: 'k/7' }, put('k/55', 'new')]);
    const rest = await on.store.list({
      prefix: 'k/',
      limit: 100,
      from: first.next,
      revision: first.revision,
    });
    const entries = [...first.entries, ...rest.entries];
    expect(entries.map(({ key, value }) => `${key} ${text(value)}`)).toEqual(
      Array.from({ length: 10 }, (_, i) => `k/${i} old`),
    );
    expect(rest.revision).toBe(first.revision);
    expect((await on.listAll('k/')).map(({ key }) => key)).toContain('k/55');
  });

  it('watches from any revision without a gap', async () => {
    const revisions: bigint[] = [await on.store.revision()];
    for (let i = 0; i < 30; i += 1) {
      const key = `${i % 3 === 0 ? 'other' : 'k'}/${i % 7}`;
      revisions.push(await on.write(i % 5 === 4 ? [{ kind: 'delete', key }] : [put(key, `${i}`)]));
    }
    const last = await on.store.revision();
    const all = await on.watchUntil(
      { prefix: 'k/', fromRevision: on.begin },
      (_, at) => at >= last,
    );
    for (const from of revisions) {
      if (from === last) continue;
      const seen = await on.watchUntil({ prefix: 'k/', fromRevision: from }, (_, at) => at >= last);
      expect(seen).toEqual(all.filter((event) => revisionOf(event) > from));
    }
  });

  it('tells watchers what was there before', async () => {
    const from = await on.store.revision();
    await on.write([put('a', '1')]);
    await on.write([put('a', '2')]);
    await on.write([{ kind: 'delete', key: 'a' }]);
    await on.write([put('a', '3')]);
    const events = await on.watchUntil({ prefix: '', fromRevision: from }, (e) => e.length >= 4);
    expect(events.map(({ kind, previous }) => [kind, text(previous)])).toEqual([
      ['put', undefined],
      ['put', '1'],
      ['delete', '2'],
      ['put', undefined],
    ]);
  });

  it('wakes watchers that wait, with commits of other prefixes as progress', async () => {
    const from = await on.store.revision();
    const seen = on.watchUntil({ prefix: 'k/', fromRevision: from }, (events) => events.length > 0);
    await on.write([put('other')]);
    await on.write([put('k/1')]);
    const last = await on.write([put('other')]);
    const none = on.watchUntil({ prefix: 'none/', fromRevision: from }, (_, at) => at >= last);
    expect((await seen).map((event) => event.kind === 'put' && event.entry.key)).toEqual(['k/1']);
    expect(await none).toEqual([]);
  });

  it('ends a watch when its signal aborts', async () => {
    const stop = new AbortController();
    const seen: bigint[] = [];
    const done = (async () => {
      for await (const batch of on.store.watch({
        prefix: '',
        fromRevision: on.begin,
        signal: stop.signal,
      })) {
        seen.push(batch.revision);
      }
    })();
    await on.write([put('a')]);
    stop.abort();
    await done;
  });

  it('says COMPACTED for what is forgotten, and keeps the newest of everything', async () => {
    for (let i = 0; i < 20; i += 1)
      await on.write([put(`k/${i % 4}`, String(i)), put(`gone/${i}`)]);
    await on.write([{ kind: 'delete', key: 'gone/3' }]);
    const before = await on.store.revision();
    const listed = await on.listAll('');
    await on.store.compact(before);
    expect(await on.listAll('')).toEqual(listed);
    await expect(
      on.store.list({ prefix: '', limit: 1, revision: before - 1n }),
    ).rejects.toMatchObject({ reason: 'COMPACTED' });
    const late = on.watchUntil({ prefix: '', fromRevision: before - 1n }, () => true);
    await expect(late).rejects.toMatchObject({ reason: 'COMPACTED' });
    const next = await on.write([put('k/0', 'again')]);
    const [event] = await on.watchUntil({ prefix: '', fromRevision: before }, () => true);
    expect(event).toMatchObject({ kind: 'put', entry: { key: 'k/0', revision: next } });
    expect(text(event?.previous)).toBe('16');
  });

  it('keeps the newest changes at hand, and gives older ones in batches of whole commits', async () => {
    await on.reopen({ eventsKeptMax: 10 });
    const from = await on.store.revision();
    const big = (key: string): Write => ({ kind: 'put', key, value: new Uint8Array(200_000) });
    const made: bigint[] = [from];
    for (let i = 0; i < 12; i += 1) {
      made.push(await on.write([big(`k/${i}/a`), big(`k/${i}/b`)]));
      // The events of a commit are at hand once a watcher could have them.
      await on.watchUntil({ prefix: '', fromRevision: made.at(-2) ?? 0n }, () => true);
    }
    const last = await on.store.revision();
    expect(on.store.isRecent(last)).toBe(true);
    expect(on.store.isRecent(made.at(-6) ?? 0n)).toBe(true);
    expect(on.store.isRecent(made.at(-7) ?? 0n)).toBe(false);
    let position = from;
    const stop = new AbortController();
    for await (const batch of on.store.watch({
      prefix: 'k/',
      fromRevision: from,
      signal: stop.signal,
    })) {
      const commits = made.filter((one) => one > position && one <= batch.revision).length;
      expect(batch.events).toHaveLength(2 * commits);
      // Half a mebibyte, and what is left of the commit that goes beyond it.
      expect(batch.events.length).toBeLessThanOrEqual(4);
      position = batch.revision;
      if (position === last) stop.abort();
    }
  });

  it('says COMPACTED to a watcher that is slower than its history is long', async () => {
    await on.reopen({ historyRevisionsMax: 50 });
    const watcher = on.store
      .watch({ prefix: '', fromRevision: on.begin, signal: new AbortController().signal })
      [Symbol.asyncIterator]();
    await on.write([put('a')]);
    await watcher.next();
    const first = await on.store.revision();
    for (let i = 0; i < 300; i += 1) await on.write([put('a', String(i))]);
    await until('the first revision is forgotten', 10_000, () =>
      on.store.list({ prefix: '', limit: 1, revision: first }).then(
        () => undefined,
        () => true,
      ),
    );
    await expect(watcher.next()).rejects.toMatchObject({ reason: 'COMPACTED' });
  });

  if (!implementation.isShared) {
    it('refuses to be opened twice', async () => {
      await expect(implementation.open(on.folder)).rejects.toMatchObject({
        reason: 'STORE_LOCKED',
      });
    });
  }

  if (implementation.isShared) {
    it('is one store for those who have it open at once', async () => {
      const other = await implementation.open(on.folder);
      try {
        const from = await on.store.revision();
        const seen = on.watchUntil({ prefix: '', fromRevision: from }, (e) => e.length >= 2);
        const first = await other.commit({ require: [], writes: [put('a', '1')] });
        expect(await on.store.revision()).toBe(first.ok && first.revision);
        const require: Requirement[] = [{ kind: 'absent', key: 'b' }];
        const both = [on.store, other].flatMap((one) =>
          Array.from({ length: 20 }, () => one.commit({ require, writes: [put('b')] })),
        );
        const results = await Promise.all(both);
        expect(results.filter(({ ok }) => ok)).toHaveLength(1);
        expect(await seen).toHaveLength(2);
      } finally {
        await other.close();
      }
    });
  }

  it('takes values and transactions up to its bounds, and refuses what is beyond', async () => {
    const most = new Uint8Array(8 * 1024 * 1024).fill(7);
    await on.write([{ kind: 'put', key: 'big', value: most }]);
    expect(Buffer.compare((await on.store.get('big'))?.value ?? most.subarray(1), most)).toBe(0);
    const value = new Uint8Array(most.length + 1);
    const beyond = on.store.commit({ require: [], writes: [{ kind: 'put', key: 'big', value }] });
    await expect(beyond).rejects.toMatchObject({ reason: 'TOO_BIG' });
    const many = Array.from({ length: 4096 }, (_, i) => put(`m/${i}`));
    const require = many.map(({ key }): Requirement => ({ kind: 'absent', key }));
    await on.write(many, require);
    expect(await on.listAll('m/', undefined, 10_000)).toHaveLength(4096);
    const again = await on.store.commit({ require, writes: many });
    expect(again.ok ? undefined : again.failed).toEqual(require[0]);
    for (const writes of [
      [...many, put('n')],
      [put('n'), put('n', 'y')],
      [put('\u00e9')],
      [put('')],
    ]) {
      await expect(on.store.commit({ require: [], writes })).rejects.toMatchObject({
        reason: expect.stringMatching(/^STORE_(TRANSACTION|KEY)_INVALID$/),
      });
    }
    expect(await on.store.get('n')).toBeUndefined();
  });

  it('keeps prefixes apart to the letter, and lists by bytes', async () => {
    const keys = [' ', '!', 'a', 'a ', 'a/', 'a/1', 'a/~', 'a0', 'a~', 'b', '~', '~~'];
    await on.write(keys.map((key) => put(key)));
    expect((await on.listAll('')).map(({ key }) => key)).toEqual(keys);
    for (const prefix of keys) {
      const wanted = keys.filter((key) => key.startsWith(prefix));
      for (const limit of [1, 2, 100]) {
        expect((await on.listAll(prefix, undefined, limit)).map(({ key }) => key)).toEqual(wanted);
      }
    }
    expect(await on.listAll('nothing')).toEqual([]);
    const page = await on.store.list({ prefix: 'a', limit: 100, from: 'a/1' });
    expect(page.entries.map(({ key }) => key)).toEqual(['a/1', 'a/~', 'a0', 'a~']);
  });

  it('deletes what is not there without a word', async () => {
    const from = await on.write([put('a')]);
    await on.write([{ kind: 'delete', key: 'z' }]);
    const last = await on.write([put('b')]);
    const events = await on.watchUntil({ prefix: '', fromRevision: from }, (_, at) => at >= last);
    expect(events).toHaveLength(1);
  });

  it('checks without writing', async () => {
    const revision = await on.write([put('a')]);
    const holds = await on.store.commit({ require: [{ kind: 'exists', key: 'a' }], writes: [] });
    expect(holds).toEqual({ ok: true, revision });
    const fails = await on.store.commit({ require: [{ kind: 'absent', key: 'a' }], writes: [] });
    expect(fails.ok).toBe(false);
    expect(await on.store.revision()).toBe(revision);
  });

  it('refuses revisions of the future', async () => {
    const far = (await on.store.revision()) + 1_000_000n;
    await expect(on.store.list({ prefix: '', limit: 1, revision: far })).rejects.toMatchObject({
      reason: 'COMPACTED',
    });
    const late = on.watchUntil({ prefix: '', fromRevision: far }, () => true);
    await expect(late).rejects.toMatchObject({ reason: 'COMPACTED' });
  });

  it('ends everything with an error once it is closed', async () => {
    await on.write([put('a')]);
    const from = await on.store.revision();
    const watching = on.watchUntil({ prefix: '', fromRevision: from }, () => false);
    const ended = expect(watching).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await on.store.close();
    await ended;
    await on.store.close();
    for (const call of [
      () => on.store.get('a'),
      () => on.store.list({ prefix: '', limit: 1 }),
      () => on.store.revision(),
      () => on.store.commit({ require: [], writes: [put('b')] }),
      () => on.watchUntil({ prefix: '', fromRevision: from }, () => true),
    ]) {
      await expect(call()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE', retryable: true });
    }
  });

  it('keeps revisions, entries and history over a restart', async () => {
    const from = await on.write([put('a', '1')]);
    const revision = await on.write([put('a', '2'), put('b')]);
    await on.reopen();
    expect(await on.store.revision()).toBe(revision);
    expect(text((await on.store.get('a'))?.value)).toBe('2');
    expect(await on.watchUntil({ prefix: '', fromRevision: from }, () => true)).toHaveLength(2);
    expect(await on.write([put('c')])).toBeGreaterThan(revision);
  });
});
