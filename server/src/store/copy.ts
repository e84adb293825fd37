/**
 * Copies everything from one store to an empty one, and compares both. A mark in the target says
 * that the copy isn't complete, so that no server begins to work on half of an installation.
 */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import type { Entry, Store, Write } from './store.js';

/** The mark of a copy that isn't complete: the first of all keys. */
const markKey = '!copying';
const pageMax = 1_000;
/** A transaction of the copy: so many keys, so many bytes. */
const writesMax = 500;
const bytesMax = 1024 * 1024;

/** What was copied. */
export interface Copied {
  readonly keys: number;
  readonly bytes: number;
}

/**
 * Copies. Throws STORE_NOT_EMPTY where the target has anything, STORE_CHANGED where somebody wrote
 * to the source meanwhile, STORE_COPY_DIFFERS where the target isn't the same in the end.
 */
export async function copyStore(from: Store, to: Store): Promise<Copied> {
  await refuseCopying(from);
  const mark: Write = { kind: 'put', key: markKey, value: new Uint8Array() };
  // One transaction: of two copies at once, one is refused.
  const begun = await to.commit({ require: [{ kind: 'empty', prefix: '' }], writes: [mark] });
  if (!begun.ok) throw notEmpty();
  const begin = await from.revision();
  let [keys, bytes] = [0, 0];
  for await (const entries of chunksOf(from)) {
    const result = await to.commit({
      require: entries.map(({ key }) => ({ kind: 'absent', key })),
      writes: entries.map(({ key, value }) => ({ kind: 'put', key, value })),
    });
    if (!result.ok) throw notEmpty();
    keys += entries.length;
    for (const { value } of entries) bytes += value.length;
  }
  if ((await from.revision()) !== begin) throw changed();
  await compare(from, to);
  await to.commit({ require: [], writes: [{ kind: 'delete', key: markKey }] });
  return { keys, bytes };
}

/** Throws STORE_COPY_INCOMPLETE where a store is the target of a copy that didn't end well. */
export async function refuseCopying(store: Store): Promise<void> {
  if ((await store.get(markKey)) === undefined) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STORE_COPY_INCOMPLETE',
    message:
      'the store holds a part of an installation, from a copy that did not end; empty it and copy again',
  });
}

/** All entries of a store at one revision, by key. */
async function* entriesOf(store: Store): AsyncGenerator<Entry> {
  let [from, revision]: [string | undefined, bigint | undefined] = [undefined, undefined];
  do {
    const page = await store.list({ prefix: '', limit: pageMax, from, revision });
    yield* page.entries;
    [from, revision] = [page.next, page.revision];
  } while (from !== undefined);
}

async function* chunksOf(store: Store): AsyncGenerator<readonly Entry[]> {
  let chunk: Entry[] = [];
  let bytes = 0;
  for await (const entry of entriesOf(store)) {
    const isFull = chunk.length >= writesMax || bytes + entry.value.length > bytesMax;
    if (isFull && chunk.length > 0) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(entry);
    bytes += entry.value.length;
  }
  if (chunk.length > 0) yield chunk;
}

async function compare(from: Store, to: Store): Promise<void> {
  const copies = entriesOf(to)[Symbol.asyncIterator]();
  const { value: mark } = await copies.next();
  if (mark?.key !== markKey) throw differs(markKey);
  for await (const { key, value } of entriesOf(from)) {
    const { value: copy } = await copies.next();
    if (copy?.key !== key || Buffer.compare(copy.value, value) !== 0) throw differs(key);
  }
  const { value: more } = await copies.next();
  if (more !== undefined) throw differs(more.key);
}

const notEmpty = (): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'STORE_NOT_EMPTY',
    message: 'the target holds something already; copy into an empty store or another prefix',
  });

const changed = (): LimiError =>
  new LimiError({
    code: Code.Aborted,
    reason: 'STORE_CHANGED',
    message:
      'a server wrote to the source meanwhile; stop every server, empty the target and copy again',
  });

const differs = (key: string): LimiError =>
  new LimiError({
    code: Code.DataLoss,
    reason: 'STORE_COPY_DIFFERS',
    message: 'the copy is not the same as the source; empty the target and copy again',
    detail: key,
  });
