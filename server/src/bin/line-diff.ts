/** The difference of two texts by lines, in the unified format. Pure. */

/** Lines around a difference. */
const contextLines = 3;

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** The two texts and how they are called. */
export interface DiffInput {
  readonly before: string;
  readonly after: string;
  readonly beforeName: string;
  readonly afterName: string;
}

/** The difference; empty where there is none. */
export function lineDiff(input: DiffInput): string {
  const lines = compare(linesOf(input.before), linesOf(input.after));
  if (lines.every(({ sign }) => sign === ' ')) return '';
  const head = [`--- ${input.beforeName}`, `+++ ${input.afterName}`];
  return `${[...head, ...hunks(lines)].join('\n')}\n`;
}

const linesOf = (text: string): string[] =>
  text === '' ? [] : text.replace(/\n$/, '').split('\n');

/** By the longest common subsequence; documents of resources are short. */
function compare(before: readonly string[], after: readonly string[]): Line[] {
  const lengths = Array.from(
    { length: before.length + 1 },
    () => new Uint32Array(after.length + 1),
  );
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    const row = lengths[i];
    for (let j = after.length - 1; row !== undefined && j >= 0; j -= 1) {
      row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ sign: ' ', text: before[i] ?? '' });
      i += 1;
      j += 1;
    } else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: before[i] ?? '' });
      i += 1;
    } else {
      lines.push({ sign: '+', text: after[j] ?? '' });
      j += 1;
    }
  }
  return lines;
}

function hunks(lines: readonly Line[]): string[] {
  const isNear = lines.map((_, at) =>
    lines
      .slice(Math.max(0, at - contextLines), at + contextLines + 1)
      .some((one) => one.sign !== ' '),
  );
  const text: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let at = 0; at < lines.length; at += 1) {
    if (isNear[at] === true && isNear[at - 1] !== true) {
      const end = isNear.indexOf(false, at);
      const hunk = lines.slice(at, end === -1 ? undefined : end);
      const count = (sign: string) => hunk.filter((one) => one.sign !== sign).length;
      text.push(`@@ -${oldLine},${count('+')} +${newLine},${count('-')} @@`);
    }
    const line = lines[at];
    if (line === undefined) continue;
    if (isNear[at] === true) text.push(`${line.sign}${line.text}`);
    if (line.sign !== '+') oldLine += 1;
    if (line.sign !== '-') newLine += 1;
  }
  return text;
}
