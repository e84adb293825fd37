/**
 * Label selectors as kubectl has them: `app=web,tier!=db,env in (a, b),!old`, as terms of a filter.
 * Pure.
 */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';

/** The filter's terms for a selector. Throws INVALID_ARGUMENT for a requirement that is none. */
export function selectorTerms(selector: string): readonly string[] {
  return splitRequirements(selector).map(termOf);
}

/** Between commas; those in brackets are between the values of one requirement. */
const splitRequirements = (selector: string): string[] =>
  (selector.match(/(?:\([^)]*\)?|[^,(])+/g) ?? [])
    .map((text) => text.trim())
    .filter((text) => text !== '');

const key = String.raw`([A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?)`;
const isSet = new RegExp(`^(!?)\\s*${key}$`);
const compared = new RegExp(`^${key}\\s*(==|=|!=)\\s*(.*)$`, 's');
const oneOf = new RegExp(`^${key}\\s+(in|notin)\\s*\\(([^()]*)\\)$`);

function termOf(text: string): string {
  const set = isSet.exec(text);
  if (set !== null) return `${set[1]}(${quoted(set[2])} in labels)`;
  const [, name = '', operator, value = ''] = compared.exec(text) ?? [];
  if (operator === '!=') return without(name, `labels[${quoted(name)}] != ${quoted(value)}`);
  if (operator !== undefined) {
    // The simple form has no way to write a quote.
    if (/["\\]/.test(value)) return `labels[${quoted(name)}] == ${quoted(value)}`;
    return `labels.${name}="${value}"`;
  }
  const [, label = '', word, list = ''] = oneOf.exec(text) ?? [];
  const values = list.split(',').map((one) => quoted(one.trim()));
  const isOne = `labels[${quoted(label)}] in [${values.join(', ')}]`;
  if (word === 'in') return `${quoted(label)} in labels && ${isOne}`;
  if (word === 'notin') return without(label, `!(${isOne})`);
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `${quoted(text)} is no requirement of labels; give app=web, app!=web, app in (web, db), app notin (web, db), app or !app`,
  });
}

/** What has no such label passes as well. */
const without = (name: string, term: string): string => `!(${quoted(name)} in labels) || ${term}`;

const quoted = (text = ''): string => JSON.stringify(text);
