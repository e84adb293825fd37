/** The error for fields that are at fault, whoever finds it: the contract's rules or admission. */
import { Code } from '@connectrpc/connect';
import { type FieldViolation, LimiError } from './error.js';

/** INVALID_ARGUMENT for some fields; the message says all that is wrong. */
export function invalidFields(
  violations: readonly FieldViolation[],
  reason = 'INVALID_FIELD',
): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason,
    message: violations.map(({ path, message }) => `${path} ${message}`.trim()).join('; '),
    violations,
  });
}
