/** What counts as worse, and what is noise. */
import { compareRuns, comparisonTable } from './compare.js';
import { measuredOf } from './measure.js';

const figure = (value: number | number[], floor: number | number[], unit = 'ms') =>
  measuredOf({ name: 'a', value, floor, unit });
const verdictOf = (before: ReturnType<typeof figure>, after: ReturnType<typeof figure>) =>
  compareRuns([before], [after]).map(({ verdict }) => verdict);

test('keeps the median and how far samples are from it', () => {
  const line = measuredOf({
    name: 'writes_100',
    unit: 'us',
    value: [10, 30, 11, 10, 9],
    floor: 5,
    curve: { name: 'writes', at: 100 },
  });
  expect(line).toEqual({
    name: 'writes_100',
    unit: 'us',
    value: 10,
    floor: 5,
    ratio: 2,
    samples: 5,
    spread: 0.1483,
    curve: 'writes',
    at: 100,
  });
});

test.each([
  ['a time that doubles', figure([10, 10, 10], 5), figure([20, 20, 20], 5), 'worse'],
  ['a time that halves', figure([10, 10, 10], 5), figure([5, 5, 5], 5), 'better'],
  ['a rate that halves', figure([10, 10, 10], 20, '1/s'), figure([5, 5, 5], 20, '1/s'), 'worse'],
  ['a rate that doubles', figure([5, 5, 5], 20, '1/s'), figure([10, 10, 10], 20, '1/s'), 'better'],
  ['a busy machine, which slows the floor too', figure(10, 5), figure(30, 15), 'same'],
  ['a twentieth more of steady samples', figure([20, 20, 20], 5), figure([21, 21, 21], 5), 'same'],
  ['a fifth more of steady samples', figure([20, 20, 20], 5), figure([24, 24, 24], 5), 'worse'],
  [
    'a fifth more of samples that are far apart',
    figure([15, 20, 25], 5),
    figure([19, 24, 29], 5),
    'same',
  ],
  ['a third more of single samples', figure(9, 5), figure(12, 5), 'same'],
  ['twice as much of single samples', figure(9, 5), figure(18, 5), 'worse'],
])('tells %s', (_, before, after, verdict) => {
  expect(verdictOf(before, after)).toEqual([verdict]);
});

test('names what is new and what is gone, in a table with a sum', () => {
  const one = { ...figure([10, 10], 5), name: 'one' };
  const two = { ...figure(10, 5), name: 'two' };
  const worse = { ...figure([20, 20], 5), name: 'one' };
  const compared = compareRuns([one], [worse, two]);
  expect(comparisonTable(compared)).toBe(
    [
      '       figure  before      after       ratio to floor',
      'worse  one     10 ms (2×)  20 ms (4×)  ×2.00 (noise ×1.10)',
      'new    two                 10 ms (2×)',
      '1 worse, 0 better, 0 same, 1 new, 0 gone',
    ].join('\n'),
  );
  expect(compareRuns([one, two], [one]).map(({ verdict }) => verdict)).toEqual(['same', 'gone']);
});
