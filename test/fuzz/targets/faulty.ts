/**
 * Decoders with the faults that the harness must find, one each: it is tried on them in
 * `harness.test.ts`, and never otherwise.
 */
import type { Random } from '../random.js';
import { holds, type Target } from '../target.js';

const refusal = new RangeError('refused');

/** A decoder of bytes that does something bad with those that have a `!` after the third. */
function faulty(name: string, bad: (input: Uint8Array) => unknown): Target {
  return {
    name,
    isText: true,
    words: ['!', '?'],
    make: (random: Random) => Buffer.from(`${random.text(20)}${random.pick(['!', '?'])}`),
    freeMs: 50,
    run(input) {
      if (input.length < 3) throw refusal;
      return input.subarray(3).includes(0x21) ? bad(input) : input;
    },
    isRefusal: (error) => error === refusal,
  };
}

/** The table. */
export const targets: readonly Target[] = [
  faulty('sound', (input) => input),
  faulty('wrong-error', () => {
    throw new TypeError('not the documented one');
  }),
  faulty('wrong-value', () => holds(false, 'it is read as something else')),
  faulty('memory', () => new Uint8Array(256 * 1024 ** 2)),
  faulty('heap', () => {
    const all: unknown[] = [];
    for (;;) all.push({ all: [all.length] });
  }),
  faulty('slow', () => {
    const until = performance.now() + 600;
    while (performance.now() < until);
  }),
  faulty('hang', () => {
    for (;;);
  }),
  faulty('late', async () => {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
  }),
];
