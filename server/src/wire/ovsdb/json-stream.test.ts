import { JsonStream } from './json-stream.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a stream of JSON values without framing', () => {
  const text = '{"a":"}\\"{","b":[1,{"c":"ü€"}]}[true]\n {"d":"\\\\"}';
  const values = [{ a: '}"{', b: [1, { c: 'ü€' }] }, [true], { d: '\\' }];

  it('comes apart into its values', () => {
    expect(new JsonStream().push(bytes(text))).toEqual(values);
  });

  it('comes apart the same wherever it is cut', () => {
    const all = bytes(text);
    for (let cut = 0; cut <= all.length; cut += 1) {
      const stream = new JsonStream();
      const seen = [...stream.push(all.slice(0, cut)), ...stream.push(all.slice(cut))];
      expect(seen).toEqual(values);
    }
  });

  it('comes apart byte by byte', () => {
    const stream = new JsonStream();
    expect([...bytes(text)].flatMap((byte) => stream.push(Uint8Array.of(byte)))).toEqual(values);
  });

  it('refuses a message over the limit before it is whole', () => {
    const stream = new JsonStream(16);
    expect(() => stream.push(bytes(`["${'x'.repeat(20)}`))).toThrow('more than 16 bytes');
  });

  it('refuses a message nested over the limit, and takes one at it', () => {
    const nested = (depth: number): Uint8Array => bytes('['.repeat(depth) + ']'.repeat(depth));
    expect(new JsonStream().push(nested(128))).toHaveLength(1);
    expect(() => new JsonStream().push(nested(129))).toThrow('nested more than 128 deep');
  });

  it.each(['x', '"text"', '12', '{"a":}', ']'])('refuses %s', (garbage) => {
    expect(() => new JsonStream().push(bytes(garbage))).toThrow('malformed');
  });
});
