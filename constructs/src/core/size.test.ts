/**
 * What sizes accept and convert to.
 */
import { Size } from './size.js';

describe('Size', () => {
  it.each([
    ['2 GiB in MiB', Size.gibibytes(2).toMebibytes(), 2048],
    ['1 TiB in GiB', Size.tebibytes(1).toGibibytes(), 1024],
    ['2048 MiB in GiB', Size.mebibytes(2048).toGibibytes(), 2],
  ])('converts %s', (_, value, expected) => {
    expect(value).toBe(expected);
  });

  it.each([0, -1, 1.5, Number.NaN])('rejects %p', (amount) => {
    expect(() => Size.gibibytes(amount)).toThrow('a size must be a whole number of GiB from 1');
  });

  it('does not round', () => {
    expect(() => Size.mebibytes(1536).toGibibytes()).toThrow(
      '1536 MiB is no whole number of GiB: give the size in GiB',
    );
  });
});
