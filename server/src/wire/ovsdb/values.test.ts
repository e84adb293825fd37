import { flag, integer, optionalFlag, references, text, textMap, texts } from './schema.js';
import { decodeValue, defaultValue, encodeValue, equalValues, NamedUuid } from './values.js';

const uuid = '2f77b348-9768-4866-b761-89d5177ecda0';

describe('values in OVSDB notation', () => {
  it.each([
    ['an atom', text, 'x', 'x'],
    ['an integer', integer, 7, 7],
    ['a flag', flag, false, false],
    ['an optional that is there', optionalFlag, true, true],
    ['an optional that is empty', optionalFlag, null, ['set', []]],
    ['a set of two', texts, ['a', 'b'], ['set', ['a', 'b']]],
    ['a map', textMap, { k: 'v' }, ['map', [['k', 'v']]]],
    ['references', references('T'), [uuid], ['set', [['uuid', uuid]]]],
  ])('keeps %s', (_what, column, plain, wire) => {
    expect(encodeValue(column, plain)).toEqual(wire);
    expect(decodeValue(column, wire)).toEqual(plain);
  });

  it('reads a set of one, which the server writes as its element', () => {
    expect(decodeValue(texts, 'a')).toEqual(['a']);
    expect(decodeValue(references('T'), ['uuid', uuid])).toEqual([uuid]);
  });

  it('names rows of the same transaction', () => {
    expect(encodeValue(references('T'), [new NamedUuid('p')])).toEqual([
      'set',
      [['named-uuid', 'p']],
    ]);
  });

  it.each([
    ['a number for a string', text, 1],
    ['an atom for a map', textMap, 'x'],
    ['nothing for what must be there', text, ['set', []]],
    ['a name for a uuid', references('T'), ['named-uuid', 'p']],
    ['a set without elements', texts, ['set', 'x']],
  ])('refuses %s', (_what, column, wire) => {
    expect(() => decodeValue(column, wire)).toThrow('malformed');
  });

  it('compares sets without order and maps by their pairs', () => {
    expect(equalValues(['a', 'b'], ['b', 'a'])).toBe(true);
    expect(equalValues(['a'], ['b'])).toBe(false);
    expect(equalValues({ a: '1', b: '2' }, { b: '2', a: '1' })).toBe(true);
    expect(equalValues({ a: '1' }, { a: '2' })).toBe(false);
    expect(equalValues(null, [])).toBe(false);
  });

  it('starts columns as the server does', () => {
    expect([text, integer, flag, optionalFlag, texts, textMap].map(defaultValue)).toEqual([
      '',
      0,
      false,
      null,
      [],
      {},
    ]);
  });
});
