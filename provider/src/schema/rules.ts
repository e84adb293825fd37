/**
 * The few of the contract's validation rules that shape the schema itself.
 */
import { type DescField, type DescOneof, getOption, hasOption } from '@bufbuild/protobuf';
import {
  oneof as oneofRulesOption,
  field as rulesOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { valueRules } from '@limiquantix/proto/validation/rules.js';

/** Whether a list may hold no item twice, so that its order says nothing either. */
export function hasUniqueItems(field: DescField): boolean {
  if (!hasOption(field, rulesOption)) return false;
  const rules = getOption(field, rulesOption);
  return rules.type.case === 'repeated' && rules.type.value.unique;
}

/** What the contract says of a number's size, for one that no message can hold. */
export function numberWords(field: DescField): string | undefined {
  if (!hasOption(field, rulesOption) || field.fieldKind !== 'scalar') return undefined;
  return valueRules(getOption(field, rulesOption), undefined, field.name)[0]?.words;
}

/** Whether one of the fields must be given. */
export function isOneofRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, oneofRulesOption) && getOption(oneof, oneofRulesOption).required;
}

/** Whether a text must not be empty, so that one must be given. */
export function isTextRequired(field: DescField): boolean {
  if (field.fieldKind !== 'scalar' || !hasOption(field, rulesOption)) return false;
  const { type } = getOption(field, rulesOption);
  return type.case === 'string' && Number(type.value.minLen) > 0;
}

/** The numbers of an enum that a field doesn't take. */
export function enumNumbersRefused(field: DescField): readonly number[] {
  if (!hasOption(field, rulesOption)) return [];
  const rules = getOption(field, rulesOption);
  return rules.type.case === 'enum' ? rules.type.value.notIn : [];
}
