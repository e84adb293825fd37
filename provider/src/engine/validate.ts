/**
 * Checks a configuration against the contract's rules before anything is sent, by the very rules
 * and words of the server. Only what is known is judged.
 */

import { pathToString } from '@bufbuild/protobuf/reflect';
import type { Validator } from '@bufbuild/protovalidate';
import {
  allowDisruptionName,
  disruptionWordList,
  disruptionWords,
} from '../schema/own-attributes.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { type AttributePath, isInside, pathText } from '../value/path.js';
import {
  isList,
  isNumber,
  isObject,
  isUnknown,
  numberText,
  type ObjectValue,
  type Value,
} from '../value/value.js';
import { type Diagnostic, problem } from './diagnostic.js';
import { parseDuration } from './duration.js';
import { locate } from './locate.js';
import { resourceToMessage } from './to-message.js';

/** Judges a resource's configuration; values in it may be unknown. */
export function validateResource(
  shape: ResourceShape,
  config: ObjectValue,
  validator: Validator,
): Diagnostic[] {
  const { message, issues, unknowns } = resourceToMessage(shape, config);
  const problems = issues.map((issue) => invalid(issue.path, issue.message));
  // What couldn't be converted is missing from the message; that must not be told a second time.
  const open = [...unknowns, ...issues.map(({ path }) => path)];
  const result = validator.validate(shape.message, message);
  if (result.kind === 'error') throw result.error;
  for (const violation of result.violations ?? []) {
    const last = violation.field.at(-1);
    if (last?.kind === 'oneof') continue;
    const path = locate(shape, pathToString(violation.field));
    if (open.some((other) => isInside(path, other) || isInside(other, path))) continue;
    problems.push(invalid(path, violation.message + given(config, path)));
  }
  return [...problems, ...timeoutProblems(config), ...limitProblems(config)];
}

/** An error for a value that breaks a rule. */
export function invalid(path: AttributePath, message: string): Diagnostic {
  const name = path.length === 0 ? 'configuration' : pathText(path);
  return problem(`Invalid ${name}`, message, path);
}

/** The plain value that breaks a rule, for the message; secrets are in no message. */
function given(config: ObjectValue, path: AttributePath): string {
  let value: Value = config;
  for (const step of path) {
    const key = 'attribute' in step ? step.attribute : 'key' in step ? step.key : step.index;
    if (String(key).endsWith('_wo')) return '';
    if (isObject(value)) value = value[key] ?? null;
    else value = isList(value) ? (value[Number(key)] ?? null) : null;
  }
  if (isNumber(value)) return `; it is ${numberText(value)}`;
  const isShort = typeof value === 'string' && value !== '' && value.length <= givenLengthMax;
  return isShort ? `; it is ${JSON.stringify(value)}` : '';
}

/** A longer text is not worth showing. */
const givenLengthMax = 80;

function timeoutProblems(config: ObjectValue): Diagnostic[] {
  const timeouts = config['timeouts'];
  if (!isObject(timeouts)) return [];
  return Object.entries(timeouts).flatMap(([name, value]) => {
    if (value === null || isUnknown(value) || parseDuration(String(value)) !== undefined) return [];
    const path = [{ attribute: 'timeouts' }, { attribute: name }];
    return [invalid(path, `must be a duration such as 90s, 30m or 1h30m, not "${String(value)}"`)];
  });
}

function limitProblems(config: ObjectValue): Diagnostic[] {
  const word = config[allowDisruptionName] ?? null;
  if (word === null || isUnknown(word) || disruptionWords.has(String(word))) return [];
  const path = [{ attribute: allowDisruptionName }];
  return [invalid(path, `must be one of ${disruptionWordList}, not "${String(word)}"`)];
}
