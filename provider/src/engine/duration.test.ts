import { durationText, parseDuration } from './duration.js';

test.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
  ['', undefined],
  ['30', undefined],
  ['soon', undefined],
  ['-5m', undefined],
])('%s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test('is written for people', () => {
  expect([90_000, 1_800_000, 7_200_000].map(durationText)).toEqual(['90s', '30m', '2h']);
});
