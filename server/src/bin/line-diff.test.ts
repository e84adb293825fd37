import { lineDiff } from './line-diff.js';

const diff = (before: string, after: string) =>
  lineDiff({ before, after, beforeName: 'a', afterName: 'b' });

it('is empty for equal texts', () => {
  expect(diff('a\nb\n', 'a\nb\n')).toBe('');
  expect(diff('', '')).toBe('');
});

it('shows what came and went, with three lines around it', () => {
  const lines = Array.from({ length: 20 }, (_, at) => `line ${at}`);
  const changed = lines.with(4, 'four').toSpliced(15, 1);
  expect(diff(lines.join('\n'), changed.join('\n'))).toBe(`--- a
+++ b
@@ -2,7 +2,7 @@
 line 1
 line 2
 line 3
-line 4
+four
 line 5
 line 6
 line 7
@@ -13,7 +13,6 @@
 line 12
 line 13
 line 14
-line 15
 line 16
 line 17
 line 18
`);
});

it('shows a new text as added', () => {
  expect(diff('', 'a\nb\n')).toBe('--- a\n+++ b\n@@ -1,0 +1,2 @@\n+a\n+b\n');
});
