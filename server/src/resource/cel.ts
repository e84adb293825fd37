/**
 * Expressions in CEL that users write: compiled, and evaluated within a bound of steps, so that
 * none takes long whatever stands in it. Loops count each turn and patterns what they read; they
 * are matched in linear time (RE2). Pure: the steps that are left are known during an evaluation
 * only.
 */
import { CelScalar, celEnv, celFunc, celMethod, isCelError, parse, plan } from '@bufbuild/cel';
import { createRegistry } from '@bufbuild/protobuf';
import { RE2JS } from '@bufbuild/re2';
import { Code } from '@connectrpc/connect';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { LimiError } from './error.js';

/** A parsed expression, and what it consists of. */
export type ParsedExpression = ReturnType<typeof parse>;
export type Expr = ParsedExpression['expr'];

/** What an evaluation comes to. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  /** It can't be evaluated for these values: why, for people. */
  | { readonly kind: 'error'; readonly message: string };

/** Steps that may still be taken, over several evaluations. */
export interface Steps {
  left: number;
}

/** A compiled expression. */
export interface Expression {
  /** Evaluates it; what it takes is taken off `whole` as well. */
  evaluate(bindings: Readonly<Record<string, unknown>>, whole?: Steps): Outcome;
}

/** Steps of one evaluation. */
export const evaluationStepsMax = 10_000;
/** Brackets in brackets: a parser that goes back must not have far to go. */
const depthMax = 24;
const patternsMax = 500;

let current: Steps = { left: 0 };

/** Takes steps; false where none is left, which ends all loops. */
function take(count: number): boolean {
  current.left -= count;
  return current.left >= 0;
}

const patterns = new Map<string, RE2JS>();

function patternOf(text: string): RE2JS {
  const known = patterns.get(text) ?? RE2JS.compile(text);
  if (patterns.size >= patternsMax) patterns.clear();
  patterns.set(text, known);
  return known;
}

const charactersPerStep = 64;
const { BOOL, STRING } = CelScalar;
/** Stands around the condition of every loop. */
const stepName = '@step';

const environment = celEnv({
  registry: createRegistry(...contractFiles),
  funcs: [
    celFunc(stepName, [BOOL], BOOL, (goesOn) => take(1) && goesOn),
    celMethod('matches', STRING, [STRING], BOOL, function matches(pattern) {
      const isLeft = take(1 + Math.ceil((this.length + pattern.length) / charactersPerStep));
      return isLeft && patternOf(pattern).test(this);
    }),
  ],
});

/** Parses an expression. Throws INVALID_ARGUMENT with the column of what is wrong. */
export function parseExpression(text: string): ParsedExpression {
  const deep = tooDeepAt(text);
  if (deep !== undefined) throw fault(deep, `there are more than ${depthMax} brackets in brackets`);
  try {
    return parse(text);
  } catch (error) {
    const [, line, column, what = (error as Error).message] =
      /^<input>:(\d+):(\d+): (.*)/s.exec((error as Error).message) ?? [];
    throw fault(offsetOf(text, Number(line ?? 1), Number(column ?? 1)), what);
  }
}

/** Compiles a parsed expression; it is changed for that, and can't be used for anything else. */
export function compileExpression({ expr }: ParsedExpression): Expression {
  const size = meter(expr);
  const run = plan(environment, expr) as (bindings: Readonly<Record<string, unknown>>) => unknown;
  return {
    evaluate(bindings, whole) {
      const steps = { left: evaluationStepsMax - size };
      current = steps;
      const value = run(bindings);
      if (whole !== undefined) whole.left -= evaluationStepsMax - steps.left;
      if (steps.left < 0) {
        return { kind: 'error', message: `it takes more than ${evaluationStepsMax} steps` };
      }
      return isCelError(value)
        ? { kind: 'error', message: value.message }
        : { kind: 'value', value };
    },
  };
}

/** What is wrong with an expression, and where: an offset in its text. */
export function fault(offset: number, what: string): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'EXPRESSION_INVALID',
    message: `at column ${offset + 1}: ${what}`,
  });
}

function offsetOf(text: string, line: number, column: number): number {
  const before = text.split('\n').slice(0, line - 1);
  return before.reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
}

/** Where brackets stand in too many others; those in texts count as well, which is no harm. */
function tooDeepAt(text: string): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    if ('([{'.includes(letter)) depth += 1;
    if (')]}'.includes(letter)) depth -= 1;
    if (depth > depthMax) return at;
  }
  return undefined;
}

/** Counts what an expression consists of, and lets each of its loops count its turns. */
function meter(expr: Expr): number {
  const size = 1 + partsOf(expr).reduce((sum, part) => sum + meter(part), 0);
  if (expr.exprKind.case === 'comprehensionExpr') {
    const loop = expr.exprKind.value;
    const { loopCondition } = loop;
    if (loopCondition !== undefined) loop.loopCondition = callOf(stepName, loopCondition);
  }
  return size;
}

/** What an expression is made of. */
export function partsOf({ exprKind }: Expr): readonly Expr[] {
  switch (exprKind.case) {
    case 'selectExpr':
      return given(exprKind.value.operand);
    case 'callExpr':
      return [...given(exprKind.value.target), ...exprKind.value.args];
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return exprKind.value.entries.flatMap(({ keyKind, value }) => [
        ...(keyKind.case === 'mapKey' ? [keyKind.value] : []),
        ...given(value),
      ]);
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return given(iterRange, accuInit, loopCondition, loopStep, result);
    }
    default:
      return [];
  }
}

const given = (...all: readonly (Expr | undefined)[]): Expr[] =>
  all.filter((one) => one !== undefined);

function callOf(name: string, argument: Expr): Expr {
  const call = { $typeName: 'cel.expr.Expr.Call', function: name, args: [argument] };
  return { ...argument, exprKind: { case: 'callExpr', value: call } } as Expr;
}
