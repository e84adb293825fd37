/** The guest image reads its seed with awk: what it understands, and that it never guesses. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const script = join(__dirname, '..', 'scripts', 'guest', 'yaml-flat.awk');
const interpreters = existsSync('/bin/busybox') ? ['awk', '/bin/busybox awk'] : ['awk'];
const haveAwk = spawnSync('awk', ['BEGIN {}']).status === 0;

(haveAwk ? describe : describe.skip).each(interpreters)('yaml-flat with %s', (awk) => {
  const [program = '', ...args] = awk.split(' ');
  const flatten = (input: string) => {
    const { stdout, stderr, status } = spawnSync(program, [...args, '-f', script], {
      input,
      encoding: 'utf8',
    });
    return { lines: stdout.split('\n').filter(Boolean), stderr, status };
  };

  it.each<[string, string, string[]]>([
    ['nested maps', 'a:\n  b:\n    c: 1\nd: 2\n', ['a/b/c\t1', 'd\t2']],
    ['a list under its key without indent', 'a:\n- x\n- y\nb: z\n', ['a/0\tx', 'a/1\ty', 'b\tz']],
    ['maps in a list', '- a: 1\n  b: 2\n- a: 3\n', ['0/a\t1', '0/b\t2', '1/a\t3']],
    ['lists in a list', 'a:\n- - x\n  - y\n-\n  - z\n', ['a/0/0\tx', 'a/0/1\ty']],
    ['a MAC address', 'm: 02:aa:00:00:00:01\n', ['m\t02:aa:00:00:00:01']],
    [
      'quotes and comments',
      `a: "x # \\"y\\"" # c\nb: 'it''s'\nc: d # e\n`,
      ['a\tx # "y"', "b\tit's", 'c\td'],
    ],
    [
      'a literal block',
      'a: |\n  x\n    y \\n\n\n  z\n\nb: 1\n',
      ['a\tx\\n  y \\\\n\\n\\nz\\n', 'b\t1'],
    ],
    ['a folded block without its end', 'a: >-\n  x\n  y\n', ['a\tx y']],
    [
      'flow collections',
      'a: [x, "y, z"]\nb: {c: 1, d: [2]}\ne: []\n',
      ['a/0\tx', 'a/1\ty, z', 'b/c\t1', 'b/d/0\t2'],
    ],
    ['JSON on one line', '{"a": {"b": "1.2.3.4/24"}}\n', ['a/b\t1.2.3.4/24']],
  ])('reads %s', (_, input, expected) => {
    const { lines, stderr, status } = flatten(input);
    expect(stderr).toBe('');
    expect(lines.slice(0, expected.length)).toEqual(expected);
    expect(status).toBe(0);
  });

  it.each([
    ['an anchor', 'a: &x 1\n'],
    ['a tab as indent', 'a:\n\tb: 1\n'],
    ['a scalar over two lines', 'a: b\n  c\n'],
    ['a flow collection over two lines', 'a: [1,\n  2]\n'],
    ['an unfinished quote', 'a: "b\n'],
  ])('says so instead of guessing at %s', (_, input) => {
    const { stderr, status } = flatten(input);
    expect(stderr).toMatch(/^line \d+: /);
    expect(status).toBe(1);
  });
});
