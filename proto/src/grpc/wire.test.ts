/** Frames, whole and in pieces. */
import { decodeStatusText, encodeStatusText, FrameReader, frameOf } from './wire.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('takes messages apart again, whatever the pieces', () => {
  const all = Buffer.concat([
    frameOf(bytes('a')),
    frameOf(bytes('')),
    frameOf(bytes('long '.repeat(99))),
  ]);
  for (let cut = 0; cut <= all.length; cut += 1) {
    const reader = new FrameReader();
    const messages = [...reader.push(all.subarray(0, cut)), ...reader.push(all.subarray(cut))];
    const texts = messages.map((one) => Buffer.from(one).toString());
    expect(texts).toEqual(['a', '', 'long '.repeat(99)]);
    expect(reader.isWithin).toBe(false);
  }
  const reader = new FrameReader();
  const messages = [...all].flatMap((byte) => reader.push(Buffer.of(byte)));
  expect(messages).toHaveLength(3);
  expect(reader.push(all.subarray(0, 7))).toHaveLength(1);
  expect(reader.isWithin).toBe(true);
});

test('refuses what is compressed or too long, as soon as it is said', () => {
  expect(() => new FrameReader().push(Buffer.from([1, 0, 0, 0, 0]))).toThrow('compressed');
  const long = Buffer.from([0, 0, 0, 0, 11]);
  expect(() => new FrameReader(10).push(long)).toThrow('a message has 11 bytes');
  expect(new FrameReader(11).push(long)).toEqual([]);
});

test('reads the text of a status, also one that is wrongly written', () => {
  expect(decodeStatusText('100%25 t%C3%A4ken')).toBe('100% täken');
  expect(decodeStatusText('100%')).toBe('100%');
  expect(decodeStatusText(encodeStatusText('100% täken'))).toBe('100% täken');
  expect(decodeStatusText(encodeStatusText('half \ud83d of one'))).toBe('half \ufffd of one');
});

test('throws away what comes after a message that is none, however much that is', () => {
  const reader = new FrameReader(10);
  const none = Buffer.from([1, 0, 0, 0, 0]);
  expect(() => reader.push(none)).toThrow('compressed');
  const concat = jest.spyOn(Buffer, 'concat');
  for (let i = 0; i < 100; i += 1) {
    expect(() => reader.push(frameOf(bytes('a')))).toThrow('compressed');
  }
  expect(concat).not.toHaveBeenCalled();
  concat.mockRestore();
});
