import type { RecordEntry } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import { Decoded } from './decoded.js';

describe('decoded resources', () => {
  const records = Array.from(
    { length: 10 },
    (): RecordEntry => ({
      value: new Uint8Array(),
      revision: 1n,
    }),
  );
  let made = 0;
  const decode = () => {
    made += 1;
    return {} as AnyResource;
  };
  beforeEach(() => {
    made = 0;
  });

  it('are kept while they are asked for, and are a bounded number', () => {
    const decoded = new Decoded(4);
    const [first] = records;
    if (first === undefined) throw new Error('no record');
    const kept = decoded.get(first, decode);
    for (const record of records) {
      decoded.get(record, decode);
      expect(decoded.get(first, decode)).toBe(kept);
    }
    expect(made).toBe(records.length);
    // Of the others, no more than the bound are there still.
    made = 0;
    for (const record of [...records].reverse()) decoded.get(record, decode);
    expect(made).toBeGreaterThanOrEqual(records.length - 4);
  });

  it('are decoded anew when they were forgotten', () => {
    const decoded = new Decoded(4);
    const [first] = records;
    if (first === undefined) throw new Error('no record');
    const before = decoded.get(first, decode);
    decoded.forget(first);
    expect(decoded.get(first, decode)).not.toBe(before);
  });
});
