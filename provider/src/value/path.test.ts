import { isInside, parseFieldPath, pathText } from './path.js';

test.each([
  ['name', [{ field: 'name' }]],
  [
    'spec.disks["root"].volume.size_gib',
    [
      { field: 'spec' },
      { field: 'disks' },
      { key: 'root' },
      { field: 'volume' },
      { field: 'size_gib' },
    ],
  ],
  ['spec.list[3].first', [{ field: 'spec' }, { field: 'list' }, { key: 3 }, { field: 'first' }]],
  ['labels["a.b/c\\"d"]', [{ field: 'labels' }, { key: 'a.b/c"d' }]],
  ['', []],
])('reads %s', (text, steps) => {
  expect(parseFieldPath(text)).toEqual(steps);
});

test('writes a path for people', () => {
  const path = [{ attribute: 'disks' }, { key: 'root' }, { attribute: 'list' }, { index: 2 }];
  expect(pathText(path)).toBe('disks["root"].list[2]');
});

test('tells what lies inside what', () => {
  const disks = [{ attribute: 'disks' }];
  expect(isInside([...disks, { key: 'root' }], disks)).toBe(true);
  expect(isInside(disks, [...disks, { key: 'root' }])).toBe(false);
  expect(isInside([...disks, { key: 'data' }], [...disks, { key: 'root' }])).toBe(false);
});
