/**
 * Evaluates the contract's rules that are expressions (CEL). They are parsed when the contract is
 * generated (`gen/expressions.ts`), so that no program carries a parser. What isn't known yet has
 * no answer: an expression that comes upon it is not judged. Pure.
 */
import type { DescField, Message } from '@bufbuild/protobuf';
import type { ReflectList, ReflectMap, ReflectMessage } from '@bufbuild/protobuf/reflect';
import { isIp, isIpPrefix } from './formats.js';

/** A parsed expression. */
export type Expression =
  | { readonly op: 'literal'; readonly value: boolean | number | string }
  | { readonly op: 'name'; readonly name: string }
  | { readonly op: 'field' | 'has'; readonly of: Expression; readonly field: string }
  | { readonly op: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly op: 'all' | 'exists';
      readonly item: string;
      readonly of: Expression;
      readonly body: Expression;
    };

/** What evaluation needs to know from outside. */
export interface ExpressionContext {
  /** Whether something in a message's field isn't known. */
  readonly isOpen: (message: Message, field: DescField) => boolean;
  /** Whether a text matches a user's pattern; false for a pattern that is none. */
  readonly matches: (text: string, pattern: string) => boolean;
}

type Value = unknown;
type Names = ReadonlyMap<string, Value>;

class NotKnown extends Error {}

/** Whether the expression holds for `self`; undefined where that isn't known yet. */
export function holds(
  expression: Expression,
  self: Value,
  context: ExpressionContext,
): boolean | undefined {
  try {
    return evaluate(expression, new Map([['this', self]]), context) === true;
  } catch (error) {
    if (error instanceof NotKnown) return undefined;
    throw error;
  }
}

function evaluate(expression: Expression, names: Names, context: ExpressionContext): Value {
  switch (expression.op) {
    case 'literal':
      return expression.value;
    case 'name':
      return names.get(expression.name);
    case 'field':
    case 'has': {
      const message = evaluate(expression.of, names, context) as ReflectMessage;
      const field = fieldOf(message, expression.field);
      if (context.isOpen(message.message, field)) throw new NotKnown();
      return expression.op === 'has' ? message.isSet(field) : message.get(field);
    }
    case 'call':
      return call(
        expression.name,
        expression.args,
        (arg) => evaluate(arg, names, context),
        context,
      );
    default: {
      const { item, of, body, op } = expression;
      const judge = (value: Value): boolean =>
        evaluate(body, new Map([...names, [item, value]]), context) === true;
      const items = itemsOf(evaluate(of, names, context));
      return op === 'all' ? items.every(judge) : items.some(judge);
    }
  }
}

function fieldOf(message: ReflectMessage, name: string): DescField {
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`${message.desc.typeName} has no field ${name}`);
  return field;
}

/** A list's items, or a map's keys. */
function itemsOf(value: Value): Value[] {
  const many = value as ReflectList | ReflectMap;
  return many.field().fieldKind === 'map'
    ? [...(many as ReflectMap).keys()]
    : [...(many as ReflectList)];
}

type Evaluate = (expression: Expression) => Value;

function call(
  name: string,
  args: readonly Expression[],
  value: Evaluate,
  context: ExpressionContext,
): Value {
  const [a, b, c] = args as [Expression, Expression, Expression];
  // These don't look at what doesn't count.
  if (name === '||') return value(a) === true || value(b) === true;
  if (name === '&&') return value(a) === true && value(b) === true;
  if (name === '?:') return value(a) === true ? value(b) : value(c);
  const found = functions[name];
  if (found === undefined) throw new Error(`the contract's expressions have no function ${name}`);
  return found(args.map(value), context);
}

type Function = (args: readonly Value[], context: ExpressionContext) => Value;

/** The functions that expressions may call. The generator refuses any other. */
export const functions: Readonly<Record<string, Function>> = {
  '!': ([a]) => a !== true,
  '==': ([a, b]) => isSame(a, b),
  '!=': ([a, b]) => !isSame(a, b),
  '<': ([a, b]) => order(a) < order(b),
  '<=': ([a, b]) => order(a) <= order(b),
  '>': ([a, b]) => order(a) > order(b),
  '>=': ([a, b]) => order(a) >= order(b),
  '+': ([a, b]) => integer(a) + integer(b),
  '-': ([a, b]) => integer(a) - integer(b),
  '*': ([a, b]) => integer(a) * integer(b),
  '[]': ([a, b]) => at(a, b),
  in: ([a, b]) => itemsOf(b).some((item) => isSame(a, item)),
  size: ([a]) => (typeof a === 'string' ? [...a].length : itemsOf(a).length),
  contains: ([a, b]) => String(a).includes(String(b)),
  startsWith: ([a, b]) => String(a).startsWith(String(b)),
  endsWith: ([a, b]) => String(a).endsWith(String(b)),
  matches: ([a, b], { matches }) => matches(String(a), String(b)),
  isIp: ([a, version]) => isIp(String(a), Number(version ?? 0)),
  isIpPrefix: ([a, ...rest]) => isIpPrefix(String(a), ...prefixArguments(rest)),
};

/** `isIpPrefix(version)`, `isIpPrefix(strict)` or `isIpPrefix(version, strict)`. */
function prefixArguments([first = 0, second = false]: readonly Value[]): [number, boolean] {
  return typeof first === 'boolean' ? [0, first] : [Number(first), second === true];
}

function at(holder: Value, key: Value): Value {
  const many = holder as ReflectList | ReflectMap;
  return many.field().fieldKind === 'map'
    ? (many as ReflectMap).get(key as string)
    : (many as ReflectList).get(Number(key));
}

/** Numbers of all widths are compared by their values. */
function isSame(a: Value, b: Value): boolean {
  if (typeof a === typeof b) return a === b;
  return isNumber(a) && isNumber(b) && !(a < b) && !(a > b);
}

const isNumber = (value: Value): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

const order = (value: Value): number | bigint | string => (isNumber(value) ? value : String(value));

const integer = (value: Value): bigint => BigInt(value as number | bigint);
