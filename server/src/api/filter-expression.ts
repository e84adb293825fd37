/**
 * A filter that is an expression in CEL over a resource's fields: `spec.cpu.cores > 4 &&
 * status.phase == "running"`. Names are looked up in the contract before anything is evaluated: one
 * that no field has is a mistake with its column, a secret can't be asked for, and values of enums
 * are words as everywhere. Pure.
 */
import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { enumWord, oneOfWords } from '@limiquantix/proto/validation/enum-word.js';
import {
  compileExpression,
  type Expr,
  fault,
  type ParsedExpression,
  parseExpression,
  partsOf,
  type Steps,
} from '../resource/cel.js';
import { LimiError } from '../resource/error.js';
import { behaviorOf, findField, isPlainValue } from '../resource/field-access.js';
import { invalidFields } from '../resource/invalid-fields.js';
import type { AnyResource } from '../resource/resource.js';
import { withoutSecrets } from '../resource/strip.js';
import type { ResourceType } from '../resource/type-registry.js';

/** Whether a resource passes. */
type Passes = (resource: AnyResource) => boolean;

/**
 * Makes the filter; `whole` bounds it over all resources that it is asked of. Throws
 * INVALID_ARGUMENT, with the column, where it can't be read. One that can't be evaluated for a
 * resource, such as by a label that it doesn't have, doesn't let it pass.
 */
export function expressionFilter(type: ResourceType, text: string, whole?: Steps): Passes {
  const parsed = parseExpression(text);
  new Resolver(type, parsed).resolve();
  const expression = compileExpression(parsed);
  return (resource) => {
    const outcome = expression.evaluate({ resource: withoutSecrets(type, resource) }, whole);
    if (whole !== undefined && whole.left < 0) throw tooCostly();
    if (outcome.kind === 'error') return false;
    if (typeof outcome.value === 'boolean') return outcome.value;
    const message = 'is an expression that is neither true nor false; compare its value with one';
    throw invalidFields([{ path: 'filter', message }], 'FILTER_INVALID');
  };
}

const tooCostly = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'FILTER_COSTLY',
    message:
      'filter costs too much over so many resources; ask for one project, add a term path=value before it, or loop less',
  });

/** What is known of a value before there is one. */
interface Kind {
  readonly message?: DescMessage | undefined;
  readonly enum?: DescEnum | undefined;
  /** Of a list's items, or a map's values. */
  readonly item?: Kind;
  readonly isMap?: boolean;
}

/** Names by what they stand for; undefined where that isn't known. */
type Scope = ReadonlyMap<string, Kind | undefined>;

const root = 'resource';
/** What may begin a name besides a field: types of CEL, and the packages of enums' values. */
const wellKnown = new Set([
  ...['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'],
  ...['google', 'limiquantix'],
]);

/** Looks up an expression's names, and puts numbers in the place of enums' words. */
class Resolver {
  readonly #type: ResourceType;
  readonly #parsed: ParsedExpression;

  constructor(type: ResourceType, parsed: ParsedExpression) {
    this.#type = type;
    this.#parsed = parsed;
  }

  resolve(): void {
    this.#visit(this.#parsed.expr, new Map());
  }

  #visit(expr: Expr, scope: Scope): Kind | undefined {
    switch (expr.exprKind.case) {
      case 'identExpr':
        return this.#name(expr, expr.exprKind.value.name, scope);
      case 'selectExpr':
        return this.#select(expr, scope);
      case 'callExpr':
        return this.#call(expr, scope);
      case 'comprehensionExpr':
        return this.#loop(expr, scope);
      default:
        for (const part of partsOf(expr)) this.#visit(part, scope);
        return undefined;
    }
  }

  #name(expr: Expr, name: string, scope: Scope): Kind | undefined {
    if (scope.has(name)) return scope.get(name);
    const { message } = this.#type;
    if (name === root) return { message };
    const field = findField(message, name);
    if (field !== undefined) {
      const operand = { ...expr, exprKind: { case: 'identExpr', value: named(root) } } as Expr;
      const value = { $typeName: 'cel.expr.Expr.Select', operand, field: name, testOnly: false };
      expr.exprKind = { case: 'selectExpr', value } as Expr['exprKind'];
      return this.#kindOf(expr, field);
    }
    if (wellKnown.has(name)) return undefined;
    throw this.#fault(expr, `${message.name} has no field ${JSON.stringify(name)}`);
  }

  #select(expr: Expr, scope: Scope): Kind | undefined {
    if (expr.exprKind.case !== 'selectExpr') return undefined;
    const { operand, field: name } = expr.exprKind.value;
    const kind = operand && this.#visit(operand, scope);
    if (kind === undefined) return undefined;
    if (kind.isMap === true) return kind.item;
    const { message } = kind;
    if (message === undefined || isPlainValue(message)) {
      throw this.#fault(expr, `goes into a value with ${JSON.stringify(name)}`);
    }
    const field = findField(message, name);
    if (field === undefined) {
      throw this.#fault(expr, `${message.name} has no field ${JSON.stringify(name)}`);
    }
    return this.#kindOf(expr, field);
  }

  #kindOf(expr: Expr, field: DescField): Kind {
    if (behaviorOf(field).secret) throw this.#fault(expr, `${field.name} is a secret`);
    const { message, enum: desc } = field;
    const kind = { message, enum: desc };
    if (field.fieldKind === 'map') return { item: kind, isMap: true };
    return field.fieldKind === 'list' ? { item: kind } : kind;
  }

  #call(expr: Expr, scope: Scope): Kind | undefined {
    if (expr.exprKind.case !== 'callExpr') return undefined;
    const { function: name, target, args } = expr.exprKind.value;
    if (target !== undefined) this.#visit(target, scope);
    const kinds = args.map((arg) => this.#visit(arg, scope));
    const [left, right] = args;
    if (name === '_==_' || name === '_!=_') {
      this.#word(kinds[0]?.enum, right);
      this.#word(kinds[1]?.enum, left);
    }
    if (name === '@in') {
      const items = right?.exprKind.case === 'listExpr' ? right.exprKind.value.elements : [];
      for (const item of items) this.#word(kinds[0]?.enum, item);
      this.#word(kinds[1]?.isMap === true ? undefined : kinds[1]?.item?.enum, left);
    }
    if (name === '_[_]') return kinds[0]?.item;
    return name === '_?_:_' ? kinds[1] : undefined;
  }

  #loop(expr: Expr, scope: Scope): undefined {
    if (expr.exprKind.case !== 'comprehensionExpr') return undefined;
    const loop = expr.exprKind.value;
    const { iterRange, accuInit, loopCondition, loopStep, result } = loop;
    const over = iterRange && this.#visit(iterRange, scope);
    if (accuInit !== undefined) this.#visit(accuInit, scope);
    const isPair = loop.iterVar2 !== '';
    const first = isPair || over?.isMap === true ? undefined : over?.item;
    const inner = new Map([...scope, [loop.accuVar, undefined], [loop.iterVar, first]]);
    if (isPair) inner.set(loop.iterVar2, over?.item);
    for (const part of [loopCondition, loopStep, result]) {
      if (part !== undefined) this.#visit(part, inner);
    }
    return undefined;
  }

  /** A text that is compared with an enum's value becomes the number of the value of that word. */
  #word(desc: DescEnum | undefined, expr: Expr | undefined): void {
    if (desc === undefined || expr?.exprKind.case !== 'constExpr') return;
    const { constantKind } = expr.exprKind.value;
    if (constantKind.case !== 'stringValue') return;
    const word = constantKind.value.toLowerCase();
    const found = desc.values.find(
      (value) => enumWord(desc, value) === word || value.name.toLowerCase() === word,
    );
    if (found === undefined) {
      const words = desc.values
        .filter(({ number }) => number !== 0)
        .map((one) => enumWord(desc, one));
      throw this.#fault(expr, `${JSON.stringify(constantKind.value)} ${oneOfWords(words)}`);
    }
    expr.exprKind.value.constantKind = { case: 'int64Value', value: BigInt(found.number) };
  }

  #fault(expr: Expr, what: string): LimiError {
    return fault(this.#parsed.sourceInfo?.positions[String(expr.id)] ?? 0, what);
  }
}

const named = (name: string) => ({ $typeName: 'cel.expr.Expr.Ident', name });
