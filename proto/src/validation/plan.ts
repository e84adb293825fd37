/**
 * What there is to check of a message type, found out once from its descriptor: which rules each
 * field's value, items and keys have. Pure.
 */

import type { DescEnum, DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';
import {
  type Rule as CelRule,
  type FieldRules,
  field as fieldOption,
  Ignore,
  message as messageOption,
  oneof as oneofOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { expressions } from '../../gen/expressions.js';
import { field as behaviorOption } from '../../gen/limiquantix/resource/v1/options_pb.js';
import { optionOf } from '../binary/option.js';
import type { Expression } from './expression.js';
import { type Rule, valueRules } from './rules.js';

/** A rule that is an expression. */
export interface ExpressionRule {
  readonly id: string;
  readonly words: string;
  readonly expression: Expression;
}

/** What there is to check of a value. */
export interface ValuePlan {
  readonly rules: readonly Rule[];
  readonly expressions: readonly ExpressionRule[];
  /** Of a list's items or a map's values; of the value itself for a message. */
  readonly items: ValuePlan | undefined;
  readonly keys: ValuePlan | undefined;
  /** The message that the value, or each of its items, is. */
  readonly message: DescMessage | undefined;
}

/** What there is to check of a field. */
export interface FieldPlan {
  readonly field: DescField;
  /** A value must be set. */
  readonly required: boolean;
  /** A value must be given, by the contract: an empty one counts as missing. */
  readonly needed: boolean;
  readonly secret: boolean;
  /** Whether the rules hold for a value that isn't set as well: for the zero that it then is. */
  readonly whenUnset: boolean;
  readonly value: ValuePlan;
}

/** What there is to check of a message. */
export interface MessagePlan {
  readonly fields: readonly FieldPlan[];
  readonly expressions: readonly ExpressionRule[];
  /** The groups of fields of which one must be set. */
  readonly oneofs: readonly DescOneof[];
}

/** FeatureSet.FieldPresence.IMPLICIT of descriptor.proto. */
const implicitPresence = 2;

/** The plan of a message type. Throws for a rule that isn't known. */
export function messagePlan(desc: DescMessage): MessagePlan {
  const own = optionOf(desc, messageOption);
  if ((own?.oneof.length ?? 0) > 0) throw new Error(`${desc.typeName}: message.oneof is not known`);
  return {
    fields: desc.fields.flatMap((field) => fieldPlan(field) ?? []),
    expressions: expressionRules(own?.cel, desc.typeName),
    oneofs: desc.oneofs.filter((oneof) => optionOf(oneof, oneofOption)?.required === true),
  };
}

function fieldPlan(field: DescField): FieldPlan | undefined {
  const rules = optionOf(field, fieldOption);
  if (rules?.ignore === Ignore.ALWAYS) return undefined;
  const value = wholePlan(field, rules);
  const required = rules?.required ?? false;
  if (!required && isEmpty(value)) return undefined;
  const behavior = optionOf(field, behaviorOption);
  const isMany = field.fieldKind === 'list' || field.fieldKind === 'map';
  const isPlain = isMany || (field.fieldKind !== 'message' && field.presence === implicitPresence);
  return {
    field,
    required,
    needed: required || (behavior?.required ?? false),
    secret: behavior?.secret ?? false,
    whenUnset: isPlain && field.oneof === undefined && rules?.ignore !== Ignore.IF_ZERO_VALUE,
    value,
  };
}

function wholePlan(field: DescField, rules: FieldRules | undefined): ValuePlan {
  const where = field.toString();
  const { message, enum: desc } = field;
  const own = {
    rules: valueRules(rules, desc, where),
    expressions: expressionRules(rules?.cel, where),
  };
  const type = rules?.type;
  if (field.fieldKind === 'list') {
    const items = type?.case === 'repeated' ? type.value.items : undefined;
    return { ...own, keys: undefined, items: itemPlan(items, desc, where, message), message };
  }
  if (field.fieldKind === 'map') {
    const { keys, values } = type?.case === 'map' ? type.value : {};
    return {
      ...own,
      keys: itemPlan(keys, undefined, where, undefined),
      items: itemPlan(values, desc, where, message),
      message,
    };
  }
  return { ...own, keys: undefined, items: undefined, message };
}

function itemPlan(
  rules: FieldRules | undefined,
  desc: DescEnum | undefined,
  where: string,
  message: DescMessage | undefined,
): ValuePlan {
  return {
    rules: valueRules(rules, desc, where),
    expressions: expressionRules(rules?.cel, where),
    items: undefined,
    keys: undefined,
    message,
  };
}

/** Whether there is nothing to check. A message may have something, which its own plan knows. */
function isEmpty({ rules, expressions: own, items, keys, message }: ValuePlan): boolean {
  const isLeaf = message === undefined || message.typeName.startsWith('google.protobuf.');
  return (
    isLeaf &&
    rules.length === 0 &&
    own.length === 0 &&
    (items === undefined || isEmpty(items)) &&
    (keys === undefined || isEmpty(keys))
  );
}

function expressionRules(rules: readonly CelRule[] = [], where: string): ExpressionRule[] {
  return rules.map(({ id, message, expression: text }) => {
    const expression = expressions[text];
    if (expression === undefined) throw new Error(`${where}: ${id} was not parsed; generate anew`);
    return { id, words: message, expression };
  });
}
