/**
 * Calls of the contract's other methods: their arguments out of a configuration, judged by the
 * contract's rules, and what to tell where a call fails.
 */

import type { DescMethod, JsonValue } from '@bufbuild/protobuf';
import { clone, create, fromJson, type Message, toJson } from '@bufbuild/protobuf';
import type { Check } from '@limiquantix/proto/validation/check.js';
import type { ObjectShape } from '../schema/shape.js';
import { pathText } from '../value/path.js';
import type { ObjectValue } from '../value/value.js';
import { ApiError } from './api.js';
import { type Diagnostic, DiagnosticError, problem } from './diagnostic.js';
import { locateIn } from './locate.js';
import { objectToMessage } from './to-message.js';
import { judge } from './validate.js';

/** Judges the arguments of a method; values may be unknown. */
export function validateArguments(
  request: ObjectShape,
  config: ObjectValue,
  check: Check,
): Diagnostic[] {
  return judge(objectToMessage(request, config), {
    check,
    locate: (path) => locateIn(request.attributes, path),
  });
}

/** The request for known arguments. Throws DiagnosticError where they can't be converted. */
export function requestMessage(request: ObjectShape, config: ObjectValue): Message {
  const { message, issues } = objectToMessage(request, config);
  if (issues.length === 0) return message;
  throw new DiagnosticError(
    issues.map(({ path, message: why }) => problem(`Invalid ${pathText(path)}`, why, path)),
  );
}

/** Does the work; tells what failed in the control plane's words, at the argument. */
export async function toldOf<T>(
  what: { readonly summary: string; readonly request: ObjectShape },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new DiagnosticError(callDiagnostics(what, error));
  }
}

/** What to tell of a call that failed. */
export function callDiagnostics(
  { summary, request }: { readonly summary: string; readonly request: ObjectShape },
  error: ApiError,
): Diagnostic[] {
  if (error.violations.length === 0) return [problem(summary, error.message)];
  return error.violations.map(({ path: fieldPath, message }) => {
    const path = locateIn(request.attributes, fieldPath);
    const where = path.length > 1 ? `${pathText(path)}: ` : '';
    return problem(summary, where + message, path);
  });
}

/**
 * The request of a method that follows another, as JSON: each field from the first of the messages
 * that has one of its name.
 */
export function followingRequest(method: DescMethod, messages: readonly Message[]): JsonValue {
  const request = create(method.input) as Message & Record<string, unknown>;
  for (const { localName } of method.input.fields) {
    const values = messages.map(
      (message) => (message as unknown as Record<string, unknown>)[localName],
    );
    request[localName] = values.find((value) => value !== undefined) ?? request[localName];
  }
  return toJson(method.input, clone(method.input, request));
}

/** The request that `followingRequest` wrote. */
export function readRequest(method: DescMethod, json: JsonValue | undefined): Message {
  return fromJson(method.input, json ?? {});
}
