/**
 * Texts of YAML or JSON as documents whose nodes know their places. The library calls itself for
 * each level of nesting, so that a few kilobytes could take the whole call stack: how deep a text
 * may go is bounded while it is read.
 */
import { Composer, type Document, type LineCounter, Parser } from 'yaml';

/** Levels of nesting. No type of resource has a third of them. */
const nestingMax = 100;

/** A text is nested too deep. */
export class NestingError extends Error {
  override readonly name = 'NestingError';

  /** `offset` is where the text is nested too deep, in UTF-16 units. */
  constructor(readonly offset: number) {
    super(`values are nested more than ${nestingMax} deep`);
  }
}

/**
 * The documents of a text, each with its own `errors`; the lines of their places are counted by
 * `lineCounter`. Throws NestingError.
 */
export function parseYaml(text: string, lineCounter: LineCounter): Document.Parsed[] {
  const composer = new Composer({
    intAsBigInt: true,
    prettyErrors: false,
  });
  return [...composer.compose(new BoundedParser(lineCounter.addNewLine).parse(text))];
}

class BoundedParser extends Parser {
  override *next(source: string): ReturnType<Parser['next']> {
    yield* super.next(source);
    if (this.stack.length > nestingMax) throw new NestingError(this.offset);
  }
}
