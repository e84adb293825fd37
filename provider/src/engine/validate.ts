/**
 * Checks a configuration before anything is sent: what can't be converted, and then the contract's
 * rules, by the very judgement and words of the server. Only what is known is judged.
 */
import type { Message } from '@bufbuild/protobuf';
import type { Check } from '@limiquantix/proto/validation/check.js';
import {
  allowDisruptionName,
  disruptionWordList,
  disruptionWords,
} from '../schema/own-attributes.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { type AttributePath, pathText } from '../value/path.js';
import { isObject, isUnknown, type ObjectValue } from '../value/value.js';
import { type Diagnostic, problem } from './diagnostic.js';
import { parseDuration } from './duration.js';
import { locate } from './locate.js';
import { type Conversion, resourceToMessage } from './to-message.js';

/** Judges a resource's configuration; values in it may be unknown. */
export function validateResource(
  shape: ResourceShape,
  config: ObjectValue,
  check: Check,
): Diagnostic[] {
  const problems = judge(resourceToMessage(shape, config), {
    check,
    locate: (path) => locate(shape, path),
  });
  return [...problems, ...timeoutProblems(config), ...limitProblems(config)];
}

/** How a converted value is judged. */
export interface Judgement {
  readonly check: Check;
  /** The attribute for a field's path. */
  readonly locate: (fieldPath: string) => AttributePath;
}

/** What of a converted value breaks the contract's rules. */
export function judge(
  { desc, message, issues, open }: Conversion<Message>,
  { check, locate: locateField }: Judgement,
): Diagnostic[] {
  const violations = check(desc, message, open);
  return [
    ...issues.map((issue) => invalid(issue.path, issue.message)),
    ...violations.map(({ path, message: text }) => invalid(locateField(path), text)),
  ];
}

/** An error for a value that breaks a rule. */
export function invalid(path: AttributePath, message: string): Diagnostic {
  const name = path.length === 0 ? 'configuration' : pathText(path);
  return problem(`Invalid ${name}`, message, path);
}

function timeoutProblems(config: ObjectValue): Diagnostic[] {
  const timeouts = config['timeouts'];
  if (!isObject(timeouts)) return [];
  return Object.entries(timeouts).flatMap(([name, value]) => {
    if (value === null || isUnknown(value) || parseDuration(String(value)) !== undefined) return [];
    const path = [{ attribute: 'timeouts' }, { attribute: name }];
    return [invalid(path, `must be a duration such as 90s, 30m or 1h30m; got "${String(value)}"`)];
  });
}

function limitProblems(config: ObjectValue): Diagnostic[] {
  const word = config[allowDisruptionName] ?? null;
  if (word === null || isUnknown(word) || disruptionWords.has(String(word))) return [];
  const path = [{ attribute: allowDisruptionName }];
  return [invalid(path, `must be one of ${disruptionWordList}; got "${String(word)}"`)];
}
