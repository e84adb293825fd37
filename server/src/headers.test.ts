/** Our headers beside the web's own: the same calls give the same. */
import { Headers as CallHeaders } from './headers.js';

type Call = readonly [method: 'append' | 'set' | 'delete', name: string, value?: string];

const cases: readonly (readonly Call[])[] = [
  [],
  [
    ['set', 'B', '1'],
    ['append', 'b', '2'],
    ['set', 'A', ' x\t'],
  ],
  [
    ['append', 'Set-Cookie', 'a'],
    ['append', 'set-cookie', 'b'],
    ['append', 'z', ''],
  ],
  [
    ['append', 'a', '1'],
    ['set', 'A', '2'],
    ['delete', 'a'],
  ],
  [
    ['append', 'a', '1'],
    ['append', 'A', '2'],
    ['set', 'a', '3'],
    ['set', 'user-agent', 'h\u00e4'],
  ],
];

/** All that can be asked. */
function told(headers: Headers): unknown {
  const visited: string[] = [];
  headers.forEach((value, name) => {
    visited.push(`${name}: ${value}`);
  });
  return {
    visited,
    entries: [...headers],
    again: [...headers.entries()],
    keys: [...headers.keys()],
    values: [...headers.values()],
    of: ['A', 'b', 'none', 'set-cookie'].map((name) => [headers.get(name), headers.has(name)]),
    cookies: headers.getSetCookie(),
  };
}

test.each(cases)('are as the web has them %#', (...calls) => {
  const [ours, webs] = [CallHeaders as unknown as typeof Headers, Headers].map((kind) => {
    const headers = new kind();
    for (const [method, name, value = ''] of calls) headers[method](name, value);
    return [headers, new kind(headers), new kind([...headers]), new kind({ a: 'b', C: 'd' })];
  });
  expect(ours?.map(told)).toEqual(webs?.map(told));
});

test.each(['', 'a b', 'a:', 'ä', 'a\n'])('refuse %j as a name, as the web does', (name) => {
  // The web's error is of another realm.
  expect(() => new Headers([[name, 'x']])).toThrow('invalid');
  expect(() => new CallHeaders([[name, 'x']])).toThrow(TypeError);
  expect(() => new CallHeaders().get(name)).toThrow(TypeError);
});

test.each(['a\nb', 'a\0', 'a\rb', '€'])('refuse %j as a value, and say nothing of it', (value) => {
  expect(() => new Headers([['a', value]])).toThrow();
  expect(() => new CallHeaders([['a', value]])).toThrow(/^this is an invalid header value\.$/);
});
