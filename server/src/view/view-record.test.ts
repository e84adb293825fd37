import { ViewRecord } from './view-record.js';

it('gives back every byte, from wherever in a buffer they were', () => {
  const all = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  for (const value of [all, all.subarray(100, 290), new Uint8Array()]) {
    const record = new ViewRecord('id', { value, revision: 7n });
    expect([...record.value]).toEqual([...value]);
    expect(record).toMatchObject({ id: 'id', revision: 7n, length: value.length });
  }
});

it('keeps its bytes when those that it was made of change', () => {
  const value = new Uint8Array([1, 2, 3]);
  const record = new ViewRecord('id', { value, revision: 1n });
  value.fill(0);
  record.value.fill(9);
  expect([...record.value]).toEqual([1, 2, 3]);
});
