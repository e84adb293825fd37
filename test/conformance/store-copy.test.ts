/** Moving an installation from each store to each: the same in the end, or refused with a word. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyStore } from '../../server/src/store/copy.js';
import type { Store, Write } from '../../server/src/store/store.js';
import type { Implementation } from './store-implementations.js';
import { present, put, text } from './store-suite.js';

jest.setTimeout(30_000);

const pairs = present.flatMap((from) => present.map((to) => ({ from, to })));

describe.each(pairs)('from $from.name to $to.name', ({ from, to }) => {
  const ends: (() => Promise<void> | void)[] = [];
  let [source, target]: Store[] = [];

  const open = async (implementation: Implementation): Promise<Store> => {
    const folder = mkdtempSync(join(tmpdir(), 'limiquantix-copy-'));
    const store = await implementation.open(folder);
    ends.push(
      () => rmSync(folder, { recursive: true }),
      () => store.close(),
    );
    return store;
  };

  beforeEach(async () => {
    for (const one of new Set([from, to])) {
      const end = await one.start?.();
      if (end !== undefined) ends.push(end);
    }
    source = await open(from);
    target = await open(to);
  }, 60_000);

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const both = (): [Store, Store] => {
    if (source === undefined || target === undefined) throw new Error('not open');
    return [source, target];
  };

  it('copies everything, small and big, and then refuses to do so again', async () => {
    const [a, b] = both();
    const big: Write = { kind: 'put', key: 'big', value: new Uint8Array(3_000_000).fill(1) };
    const many = Array.from({ length: 2_500 }, (_, i) => put(`k/${i}`, `${i}`));
    await a.commit({ require: [], writes: [...many, big, put('empty', '')] });
    await a.commit({ require: [], writes: [{ kind: 'delete', key: 'k/7' }] });
    expect(await copyStore(a, b)).toMatchObject({ keys: 2_501 });
    const lists = await Promise.all([a, b].map((one) => one.list({ prefix: '', limit: 5_000 })));
    const [was, is] = lists.map(({ entries }) =>
      entries.map(({ key, value }) => [key, text(value)]),
    );
    expect(is).toEqual(was);
    await expect(copyStore(a, b)).rejects.toMatchObject({ reason: 'STORE_NOT_EMPTY' });
  });

  it('leaves a mark where it did not end, that is refused as a source', async () => {
    const [a, b] = both();
    await a.commit({ require: [], writes: [put('k/1'), put('k/2')] });
    const commit = b.commit.bind(b);
    let commits = 0;
    b.commit = async (transaction) => {
      commits += 1;
      if (commits === 2) throw new Error('the power went');
      return commit(transaction);
    };
    await expect(copyStore(a, b)).rejects.toThrow('the power went');
    await expect(copyStore(a, b)).rejects.toMatchObject({ reason: 'STORE_NOT_EMPTY' });
    await expect(copyStore(b, a)).rejects.toMatchObject({ reason: 'STORE_COPY_INCOMPLETE' });
  });

  it('refuses a source that somebody writes to', async () => {
    const [a, b] = both();
    await a.commit({ require: [], writes: [put('k/1')] });
    const commit = b.commit.bind(b);
    b.commit = async (transaction) => {
      await a.commit({ require: [], writes: [put('k/2')] });
      return commit(transaction);
    };
    await expect(copyStore(a, b)).rejects.toMatchObject({ reason: 'STORE_CHANGED' });
  });
});
