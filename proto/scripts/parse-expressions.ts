/**
 * From the contract's expressions (CEL) to what `src/validation/expression.ts` evaluates. Fails for
 * what that doesn't know, so that no rule is ever left out.
 */
import { parse } from '@bufbuild/cel';
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { createFileRegistry, getOption, hasOption } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import {
  type FieldRules,
  field as fieldOption,
  message as messageOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { Expression } from '../src/validation/expression.js';

/** Every expression of the contract's messages, parsed, by its text. */
export function parseExpressions(
  set: FileDescriptorSet,
  functions: ReadonlySet<string>,
): Record<string, Expression> {
  const texts = new Set<string>();
  for (const file of createFileRegistry(set).files) {
    for (const message of file.messages) collect(message, texts);
  }
  return Object.fromEntries(
    [...texts].sort().map((text) => [text, convert(parse(text).expr, { text, functions })]),
  );
}

function collect(message: DescMessage, texts: Set<string>): void {
  if (hasOption(message, messageOption)) {
    for (const { expression } of getOption(message, messageOption).cel) texts.add(expression);
  }
  for (const field of message.fields) {
    if (hasOption(field, fieldOption)) collectRules(getOption(field, fieldOption), texts);
  }
  for (const nested of message.nestedMessages) collect(nested, texts);
}

function collectRules(rules: FieldRules | undefined, texts: Set<string>): void {
  if (rules === undefined) return;
  for (const { expression } of rules.cel) texts.add(expression);
  const { type } = rules;
  if (type.case === 'repeated') collectRules(type.value.items, texts);
  if (type.case !== 'map') return;
  collectRules(type.value.keys, texts);
  collectRules(type.value.values, texts);
}

interface At {
  readonly text: string;
  readonly functions: ReadonlySet<string>;
}

/** A node of the parser's tree (cel.expr.Expr), as far as it is read. */
type Node = Message & {
  readonly exprKind: { readonly case?: string | undefined; readonly value?: unknown };
};

function convert(input: unknown, at: At): Expression {
  const { exprKind } = input as Node;
  const value = exprKind.value as Record<string, unknown>;
  switch (exprKind.case) {
    case 'constExpr': {
      const constant = value['constantKind'] as { readonly value: unknown };
      return { op: 'literal', value: literal(constant.value, at) };
    }
    case 'identExpr':
      return { op: 'name', name: String(value['name']) };
    case 'selectExpr':
      return {
        op: value['testOnly'] === true ? 'has' : 'field',
        of: convert(value['operand'], at),
        field: String(value['field']),
      };
    case 'callExpr':
      return convertCall(value, at);
    case 'comprehensionExpr':
      return convertComprehension(value, at);
    default:
      throw notKnown(String(exprKind.case), at);
  }
}

function literal(value: unknown, at: At): boolean | number | string {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') {
    return value;
  }
  throw notKnown('a literal', at);
}

function convertCall(value: Record<string, unknown>, at: At): Expression {
  const {
    function: name,
    target,
    args,
  } = value as {
    readonly function: string;
    readonly target?: unknown;
    readonly args: readonly unknown[];
  };
  // `_||_`, `!_`, `_?_:_`, `_[_]`, `@in` are operators.
  const plain = name === '_?_:_' ? '?:' : name.replaceAll('_', '').replace(/^@/, '');
  if (!at.functions.has(plain)) throw notKnown(name, at);
  const all = target === undefined ? args : [target, ...args];
  return { op: 'call', name: plain, args: all.map((arg) => convert(arg, at)) };
}

/** Of the macros, `all` and `exists`. */
function convertComprehension(value: Record<string, unknown>, at: At): Expression {
  const start = convert(value['accuInit'], at);
  const step = (value['loopStep'] as Node).exprKind.value as {
    readonly function?: string;
    readonly args?: readonly unknown[];
  };
  const op = step.function === '_&&_' ? 'all' : 'exists';
  const isKnown =
    start.op === 'literal' &&
    start.value === (op === 'all') &&
    (op === 'all' || step.function === '_||_');
  const body = step.args?.[1];
  if (!isKnown || body === undefined || value['iterVar2'] !== '') throw notKnown('a macro', at);
  return {
    op,
    item: String(value['iterVar']),
    of: convert(value['iterRange'], at),
    body: convert(body, at),
  };
}

function notKnown(what: string, { text }: At): Error {
  return new Error(
    `${what} in the rule ${text} is not known to proto/src/validation/expression.ts`,
  );
}
