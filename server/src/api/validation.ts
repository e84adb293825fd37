/**
 * Checks requests against the contract's rules, by the judgement that the provider makes of
 * configurations as well (`proto/src/validation`), and turns what is wrong into an error.
 */
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { RE2JS } from '@bufbuild/re2';
import { createCheck } from '@limiquantix/proto/validation/check.js';
import { invalidFields } from '../resource/invalid-fields.js';

export { invalidFields } from '../resource/invalid-fields.js';

/**
 * Throws INVALID_ARGUMENT with a violation for each rule that a message breaks. `within` is the
 * field that holds the resource in a request: paths begin below it.
 */
export type Validate = (desc: DescMessage, message: Message, within?: DescField) => void;

/** Makes the check; it finds out each message's rules once. */
export function createValidate(): Validate {
  const check = createCheck({ matches });
  return (desc, message, within) => {
    const found = check(desc, message);
    if (found.length === 0) return;
    const prefix = within === undefined ? '' : `${within.name}.`;
    const violations = found.map(({ path, message: text }) => {
      const isInside = prefix !== '' && path.startsWith(prefix);
      return { path: isInside ? path.slice(prefix.length) : path, message: text };
    });
    throw invalidFields(violations);
  };
}

/** In linear time, whatever the pattern: strangers write both. */
function matches(text: string, pattern: string): boolean {
  try {
    return RE2JS.compile(pattern).test(text);
  } catch {
    return false;
  }
}
