/** Frames, whole and in pieces. */
import { decodeStatusText, frameOf, unframe } from './wire.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('takes messages apart again, whatever the pieces', () => {
  const all = Buffer.concat([
    frameOf(bytes('a')),
    frameOf(bytes('')),
    frameOf(bytes('long '.repeat(99))),
  ]);
  for (let cut = 0; cut <= all.length; cut += 1) {
    const first = unframe(all.subarray(0, cut));
    const then = unframe(Buffer.concat([first.rest, all.subarray(cut)]));
    const texts = [...first.messages, ...then.messages].map((one) => Buffer.from(one).toString());
    expect(texts).toEqual(['a', '', 'long '.repeat(99)]);
    expect(then.rest).toHaveLength(0);
  }
});

test('refuses what is compressed', () => {
  expect(() => unframe(Buffer.from([1, 0, 0, 0, 0]))).toThrow('compressed');
});

test('reads the text of a status, also one that is wrongly written', () => {
  expect(decodeStatusText('100%25 t%C3%A4ken')).toBe('100% täken');
  expect(decodeStatusText('100%')).toBe('100%');
});
