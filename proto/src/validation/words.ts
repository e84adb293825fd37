/** What is said of a value that breaks a rule: its words, and the value if it may be shown. */

/** What was given. */
export interface Given {
  readonly value: unknown;
  /** It must not be shown. */
  readonly secret: boolean;
  /** An empty value counts as missing. */
  readonly needed: boolean | undefined;
  /** It is a map's key, which the path shows. */
  readonly isKey: boolean | undefined;
}

/** A longer text is cut. */
const shownCharactersMax = 80;

/** The words with what was given. */
export function wordsFor(
  words: string,
  { value, secret, needed = false, isKey = false }: Given,
): string {
  if (isKey) return `as a key ${words}`;
  if (value === '') return needed ? 'is required' : words;
  if (secret) return words;
  if (typeof value === 'string') {
    const isLong = value.length > shownCharactersMax;
    const shown = isLong ? `${value.slice(0, shownCharactersMax - 3)}...` : value;
    return `${words}; got ${JSON.stringify(shown)}`;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return `${words}; got ${value}`;
  return words;
}
