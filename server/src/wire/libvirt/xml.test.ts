/** Domain XML to a tree and back. */
import { childOf, descendant, formatXml, parseXml, xml } from './xml.js';

test('text and attributes survive, whatever characters they hold', () => {
  const nasty = `<&>'"é\n\t&amp;`;
  const element = xml('a', { b: nasty }, xml('c', {}, nasty.trim()));
  expect(parseXml(formatXml(element))).toEqual(element);
});

test('finds elements along a path', () => {
  const domain = parseXml(
    "<?xml version='1.0'?><!-- x --><domain id='1'><os><type>hvm</type></os></domain>",
  );
  expect(domain.attributes['id']).toBe('1');
  expect(descendant(domain, 'os', 'type')?.text).toBe('hvm');
  expect(childOf(domain, 'devices')).toBeUndefined();
});

test.each(['', '<a', '<a><b></a>', '<a></a><b></b>'])('refuses %p', (text) => {
  expect(() => parseXml(text)).toThrow(SyntaxError);
});
