/** Charts are the same for the same points, whole, and say what they show. */
import { XMLValidator } from 'fast-xml-parser';
import { drawChart, labelOf } from './charts.js';

const chart = {
  title: 'A write',
  x: 'virtual machines',
  y: 'time (µs)',
  lines: [
    {
      name: 'write',
      points: [
        [100, 12.4],
        [100_000, 1_530],
      ] as const,
    },
    {
      name: 'floor',
      points: [
        [100, 0.5],
        [100_000, 30],
      ] as const,
      isFloor: true,
    },
  ],
};

test('draws the same, well formed, with titles, units and the last values', async () => {
  const svg = await drawChart(chart);
  expect(await drawChart(chart)).toBe(svg);
  expect(XMLValidator.validate(svg)).toBe(true);
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
  const said = ['A write', 'virtual machines', 'time (µs)', 'write', 'floor', '1.5k', '30', '100k'];
  expect(texts).toEqual(expect.arrayContaining(said));
  expect(svg).not.toMatch(/NaN|undefined/);
});

test.each([
  [0.0123, '0.012'],
  [5, '5'],
  [123.4, '123'],
  [1_530, '1.5k'],
  [100_000, '100k'],
  [2_500_000, '2.5M'],
])('shows %d as %s', (value, label) => {
  expect(labelOf(value)).toBe(label);
});
