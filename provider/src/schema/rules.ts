/**
 * The few of the contract's validation rules that shape the schema itself.
 */

import type { DescField, DescOneof } from '@bufbuild/protobuf';
import {
  oneof as oneofRulesOption,
  field as rulesOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { optionOf } from '@limiquantix/proto/binary/option.js';
import { valueRules } from '@limiquantix/proto/validation/rules.js';

/** Whether a list may hold no item twice, so that its order says nothing either. */
export function hasUniqueItems(field: DescField): boolean {
  const type = optionOf(field, rulesOption)?.type;
  return type?.case === 'repeated' && type.value.unique;
}

/** What the contract says of a number's size, for one that no message can hold. */
export function numberWords(field: DescField): string | undefined {
  const rules = field.fieldKind === 'scalar' ? optionOf(field, rulesOption) : undefined;
  return rules && valueRules(rules, undefined, field.name)[0]?.words;
}

/** Whether one of the fields must be given. */
export function isOneofRequired(oneof: DescOneof): boolean {
  return optionOf(oneof, oneofRulesOption)?.required === true;
}

/** Whether a text must not be empty, so that one must be given. */
export function isTextRequired(field: DescField): boolean {
  const type = field.fieldKind === 'scalar' ? optionOf(field, rulesOption)?.type : undefined;
  return type?.case === 'string' && Number(type.value.minLen) > 0;
}

/** The numbers of an enum that a field doesn't take. */
export function enumNumbersRefused(field: DescField): readonly number[] {
  const type = optionOf(field, rulesOption)?.type;
  return type?.case === 'enum' ? type.value.notIn : [];
}
