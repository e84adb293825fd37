/** What counts as breaking for those who have configurations and states. */
import { breakingChanges, unreadableStates } from './outline.js';

const before = {
  'resource t a': 'string, required',
  'resource t b': 'number, optional',
  'resource t name': 'string, required',
};

test.each<[string, Record<string, string>, string[]]>([
  ['nothing', {}, []],
  ['a new optional attribute', { 'resource t c': 'string, optional' }, []],
  ['what need no longer be given', { 'resource t a': 'string, optional' }, []],
  ['a new type of resource', { 'resource u a': 'string, required' }, []],
  [
    'another type',
    { 'resource t b': 'string, optional' },
    ['b was number, optional and is string'],
  ],
  ['what must be given now', { 'resource t b': 'number, required' }, ['b was number, optional']],
  ['a new required attribute', { 'resource t c': 'string, required' }, ['c is new and required']],
])('%s', (_, change, expected) => {
  const found = breakingChanges(before, { ...before, ...change });
  expect(found).toEqual(expected.map((text) => expect.stringContaining(text)));
});

test('an attribute that is gone', () => {
  const { 'resource t b': _, ...after } = before;
  expect(breakingChanges(before, after)).toEqual([expect.stringContaining('t b is gone')]);
});

test('a kept state that nothing could read, but for a step of the schema', () => {
  const { 'resource t b': _, ...gone } = before;
  expect(unreadableStates(before, gone)).toEqual([expect.stringContaining('resource t b was')]);
  const other = { ...before, 'resource t b': 'string, optional' };
  expect(unreadableStates(before, other)).toHaveLength(1);
  expect(unreadableStates(before, { ...before, 'resource t b': 'number, computed' })).toEqual([]);
  expect(unreadableStates(before, { ...gone, 'version t': '1' })).toEqual([]);
  expect(
    unreadableStates({ ...before, 'version t': '1' }, { ...gone, 'version t': '1' }),
  ).toHaveLength(1);
});
