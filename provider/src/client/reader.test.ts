import { create, type DescMethod, type Message } from '@bufbuild/protobuf';
import { ApiError } from '../engine/api.js';
import { shapeOf } from '../engine/engine-testing.js';
import type { Caller } from './calls.js';
import { Reader } from './reader.js';

const shape = shapeOf('network');
/** Reads are gathered for a turn. */
const timers = {
  after(_: number, fn: () => void) {
    const turn = setImmediate(fn);
    return () => clearImmediate(turn);
  },
};

/** A control plane of so many networks, named by their ids, that counts its calls. */
function controlPlane(count: number): { caller: Caller; calls: string[] } {
  const calls: string[] = [];
  const all = Array.from({ length: count }, (_, i) => ({ id: `id-${i}`, name: `n-${i}` }));
  const caller: Caller = {
    async unary(method: DescMethod, request: Record<string, unknown>): Promise<Message> {
      calls.push(method.name);
      if (method.name.startsWith('List')) {
        const begin = Number(request['pageToken'] || 0);
        const end = begin + Number(request['pageSize']);
        const nextPageToken = end < count ? String(end) : '';
        return create(method.output, {
          networks: all.slice(begin, end),
          nextPageToken,
          revision: 7n,
        });
      }
      const network = all.find(({ id }) => id === request['id']);
      if (network !== undefined) return create(method.output, { network });
      throw new ApiError({ code: 'not_found', reason: '', message: 'none', violations: [] });
    },
    stream: () => {
      throw new Error('not in this test');
    },
  };
  return { caller, calls };
}

test('reads a few one by one, and says when there is none', async () => {
  const { caller, calls } = controlPlane(3);
  const reader = new Reader({ caller, shape, nowMs: () => 0, timers });
  const found = await Promise.all(['id-1', 'nobody'].map((id) => reader.read(id)));
  expect(found.map((one) => one?.name)).toEqual(['n-1', undefined]);
  expect(calls).toHaveLength(2);
});

test('answers many from one list, however they come', async () => {
  const { caller, calls } = controlPlane(2_500);
  let nowMs = 0;
  const reader = new Reader({ caller, shape, nowMs: () => nowMs, timers });
  for (let i = 0; i < 200; i++) {
    nowMs += 2;
    expect((await reader.read(`id-${i * 10}`))?.name).toBe(`n-${i * 10}`);
  }
  expect(await reader.read('nobody')).toBeUndefined();
  expect(calls.filter((name) => name.startsWith('Get')).length).toBeLessThan(8);
  expect(calls.filter((name) => name.startsWith('List'))).toHaveLength(3);
});

test('reads anew after a write, and after a while', async () => {
  const { caller, calls } = controlPlane(10);
  let nowMs = 0;
  const reader = new Reader({ caller, shape, nowMs: () => nowMs, timers });
  const readAll = () => Promise.all(Array.from({ length: 10 }, (_, i) => reader.read(`id-${i}`)));
  await readAll();
  await readAll();
  expect(calls).toEqual(['ListVirtualNetworks']);
  reader.forget();
  await readAll();
  nowMs += 20_000;
  await readAll();
  expect(calls).toHaveLength(3);
});

test('reads one by one from an installation that is too large to list', async () => {
  const { caller, calls } = controlPlane(10_001);
  const reader = new Reader({ caller, shape, nowMs: () => 0, timers });
  const ids = Array.from({ length: 20 }, (_, i) => `id-${i}`);
  const found = await Promise.all(ids.map((id) => reader.read(id)));
  expect(found.every((one) => one !== undefined)).toBe(true);
  expect(calls.filter((name) => name.startsWith('List'))).toHaveLength(10);
});

test('reads some fields of many, and nothing of few', async () => {
  const { caller, calls } = controlPlane(20);
  const reader = new Reader({ caller, shape, nowMs: () => 0, timers }, ['id', 'revision']);
  expect(await reader.read('id-1')).toBeUndefined();
  expect(calls).toEqual([]);
  const ids = Array.from({ length: 20 }, (_, i) => `id-${i}`);
  const found = await Promise.all(ids.map((id) => reader.read(id)));
  expect(found.map((one) => one?.id)).toEqual(ids);
  expect(calls).toEqual(['ListVirtualNetworks']);
});
