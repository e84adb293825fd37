/**
 * Checks messages against the contract's rules and says what is wrong in our words, with the path
 * as the user writes it. The one place that knows protovalidate.
 */
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import type { Path } from '@bufbuild/protobuf/reflect';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import type { FieldViolation } from '../resource/error.js';
import { behaviorOf, entryPath } from '../resource/field-access.js';
import { invalidFields } from '../resource/invalid-fields.js';

export { invalidFields } from '../resource/invalid-fields.js';

/**
 * Throws INVALID_ARGUMENT with a violation for each rule that a message breaks. `within` is the
 * field that holds the resource in a request: paths begin below it.
 */
export type Validate = (desc: DescMessage, message: Message, within?: DescField) => void;

/** Violations in one answer. */
const violationsMax = 50;
const shownCharactersMax = 80;

/** Makes the check; it compiles each message's rules once. */
export function createValidate(): Validate {
  const validator = createValidator();
  return (desc, message, within) => {
    const result = validator.validate(desc, message);
    if (result.kind === 'valid') return;
    // Rules that can't be evaluated are a fault of the contract, not of the input.
    if (result.kind === 'error') throw result.error;
    const found = result.violations
      .slice(0, violationsMax)
      .map((violation) => asFieldViolation(violation, message, within));
    throw invalidFields(found);
  };
}

function asFieldViolation(
  violation: Violation,
  message: Message,
  within: DescField | undefined,
): FieldViolation {
  const path = [...violation.field];
  const inside = within !== undefined && path[0] === within && path.length > 1;
  const shown = inside ? path.slice(1) : path;
  const last = shown.at(-1);
  // A oneof has no name that users write: its parent is at fault.
  if (last?.kind === 'oneof') {
    const names = last.fields.map(({ name }) => name).join(', ');
    return { path: textOf(shown.slice(0, -1)), message: `needs exactly one of ${names}` };
  }
  const what = wordsOf(violation);
  return { path: textOf(shown), message: withGiven(what, violation, valueAt(message, path)) };
}

const words: ReadonlyMap<string, string> = new Map([
  ['required', 'is required'],
  ['string.uuid', "must be a resource's id (a UUID)"],
  ['enum.defined_only', 'must be one of the values that the contract names'],
  ['repeated.unique', 'must not hold the same value twice'],
]);

/** Patterns of the contract that deserve better words than themselves. */
const patternWords: ReadonlyMap<string, string> = new Map([
  [
    '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$',
    'must begin with a lower-case letter and go on with lower-case letters, digits and hyphens, 63 characters at most',
  ],
  [
    '^[a-z][a-z0-9_-]{0,30}$',
    'must begin with a lower-case letter and go on with lower-case letters, digits, _ and -, 31 characters at most',
  ],
  [
    '^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$',
    'must be a unicast MAC address in lower case, such as 52:54:00:12:34:56',
  ],
  ['^[0-9a-f]{64}$', 'must be a SHA-256 in 64 lower-case hexadecimal digits'],
]);

function wordsOf(violation: Violation): string {
  const { ruleId, message } = violation;
  if (ruleId.endsWith('_empty')) return 'is required';
  const pattern = /regex pattern `(.*)`$/.exec(message)?.[1];
  const known = words.get(ruleId) ?? (pattern && patternWords.get(pattern));
  const subject = violation.forKey ? 'as a key ' : '';
  if (known !== undefined && known !== '') return subject + known;
  return subject + message.replace(/^value (must|is|does)/, '$1');
}

function withGiven(what: string, violation: Violation, value: unknown): string {
  if (value === '') return isRequired(violation.field) ? 'is required' : what;
  if (what === 'is required' || violation.forKey || isSecret(violation.field)) return what;
  if (typeof value === 'string') {
    const shown = value.length > shownCharactersMax ? `${value.slice(0, 77)}...` : value;
    return `${what}; got ${JSON.stringify(shown)}`;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return `${what}; got ${value}`;
  return what;
}

function isRequired(path: Path): boolean {
  const field = path.at(-1);
  return field?.kind === 'field' && behaviorOf(field).required;
}

const isSecret = (path: Path): boolean =>
  path.some((part) => part.kind === 'field' && behaviorOf(part).secret);

function textOf(path: Path): string {
  let text = '';
  for (const part of path) {
    if (part.kind === 'list_sub') text += `[${part.index}]`;
    else if (part.kind === 'map_sub') text = entryPath(text, String(part.key));
    else if (part.kind !== 'oneof') text += text === '' ? part.name : `.${part.name}`;
  }
  return text;
}

function valueAt(message: Message, path: Path): unknown {
  let value: unknown = message;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    const bag = value as Record<string, unknown>;
    if (part.kind === 'field') {
      const holder = part.oneof && (bag[part.oneof.localName] as { value?: unknown });
      value = part.oneof === undefined ? bag[part.localName] : holder?.value;
    } else if (part.kind === 'list_sub') value = bag[String(part.index)];
    else if (part.kind === 'map_sub') value = bag[String(part.key)];
    else return undefined;
  }
  return value;
}
