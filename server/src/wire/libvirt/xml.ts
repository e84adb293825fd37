/**
 * XML as a plain element tree, for domain definitions. Pure: text in, tree out, and back.
 * Text beside child elements is not kept: libvirt's documents have none that means anything.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** One element; `text` is empty when it has child elements. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/** Attributes to be written; undefined ones are left out. */
export type XmlAttributes = Readonly<Record<string, string | number | bigint | undefined>>;

/** A child to be written: an element, a text, or nothing. */
export type XmlContent = XmlElement | string | undefined;

const ATTRIBUTES = ':@';
const TEXT = '#text';
type ParsedNode = Record<string, unknown>;

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: true,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
});

/** Builds an element. */
export function xml(
  name: string,
  attributes: XmlAttributes = {},
  ...content: readonly XmlContent[]
): XmlElement {
  const present = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return {
    name,
    attributes: Object.fromEntries(present.map(([key, value]) => [key, String(value)])),
    children: content.filter((item) => typeof item === 'object'),
    text: content.filter((item) => typeof item === 'string').join(''),
  };
}

/** Parses a document to its root element. Throws `SyntaxError` on malformed XML. */
export function parseXml(text: string): XmlElement {
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw new SyntaxError(`malformed XML: ${verdict.err.msg}`);
  const nodes = parsed(text);
  const root = nodes.map(toElement).find((element) => element !== undefined);
  if (root === undefined) throw new SyntaxError('malformed XML: no element');
  return root;
}

/** The parser has bounds of its own, such as for tags in tags, and an error of its own for them. */
function parsed(text: string): ParsedNode[] {
  try {
    return parser.parse(text) as ParsedNode[];
  } catch (cause) {
    throw new SyntaxError(`malformed XML: ${(cause as Error).message}`, { cause });
  }
}

/** Writes an element and what is in it, without white space between elements. */
export function formatXml(element: XmlElement): string {
  const attributes = Object.entries(element.attributes)
    .map(([name, value]) => ` ${name}='${escapeXml(value)}'`)
    .join('');
  const content =
    element.children.length > 0
      ? element.children.map(formatXml).join('')
      : escapeXml(element.text);
  if (content === '') return `<${element.name}${attributes}/>`;
  return `<${element.name}${attributes}>${content}</${element.name}>`;
}

/** The first child element of this name. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}

/** All child elements of this name. */
export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

/** The first element along a path of names below `element`. */
export function descendant(
  element: XmlElement | undefined,
  ...path: readonly string[]
): XmlElement | undefined {
  return path.reduce<XmlElement | undefined>(childOf, element);
}

/** The same element with other children. */
export function withChildren(element: XmlElement, children: readonly XmlElement[]): XmlElement {
  return { ...element, children, text: children.length > 0 ? '' : element.text };
}

/** The same element with these attributes set; undefined takes one away. */
export function withAttributes(element: XmlElement, attributes: XmlAttributes): XmlElement {
  return xml(
    element.name,
    { ...element.attributes, ...attributes },
    ...element.children,
    element.text,
  );
}

function toElement(node: ParsedNode): XmlElement | undefined {
  const name = Object.keys(node).find((key) => key !== ATTRIBUTES);
  if (name === undefined || name === TEXT) return undefined;
  const content = node[name] as ParsedNode[];
  const children = content.map(toElement).filter((child) => child !== undefined);
  const text = content.map((child) => child[TEXT] ?? '').join('');
  const attributes = (node[ATTRIBUTES] ?? {}) as Record<string, string>;
  return {
    name,
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key, unescapeXml(value)]),
    ),
    children,
    text: children.length > 0 ? '' : unescapeXml(text),
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
};
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  apos: "'",
  quot: '"',
};

/** White space that a reader would change or trim goes by number. */
function escapeXml(text: string): string {
  return text.replace(
    /[&<>'"\n\t\r]|^\s|\s$/g,
    (character) => ESCAPES[character] ?? `&#${character.charCodeAt(0)};`,
  );
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex !== undefined) return character(Number.parseInt(hex, 16));
    if (decimal !== undefined) return character(Number.parseInt(decimal, 10));
    return NAMED[name] ?? whole;
  });
}

const CHARACTER_MAX = 0x10_ffff;

function character(code: number): string {
  if (code > CHARACTER_MAX) throw new SyntaxError(`malformed XML: there is no character ${code}`);
  return String.fromCodePoint(code);
}
