import { randomBytes } from 'node:crypto';
import { createIds } from './new-id.js';

it('makes UUIDs of version 7 that sort by time, also within a millisecond', () => {
  let nowMs = 1_700_000_000_000;
  const newId = createIds({ nowMs: () => nowMs, randomBytes });
  const ids: string[] = [];
  for (let i = 0; i < 10_000; i += 1) {
    if (i % 3000 === 0) nowMs += 1;
    ids.push(newId());
  }
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  for (const id of ids.slice(0, 100)) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});
