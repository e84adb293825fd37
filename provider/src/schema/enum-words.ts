/**
 * Enum values as Terraform has them: in lower case, without the enum's own prefix.
 */
import type { DescEnum, DescEnumValue } from '@bufbuild/protobuf';
import { enumNumbersRefused } from './rules.js';
import type { Attribute } from './shape.js';

/** A value's word, such as `running` for POWER_STATE_RUNNING. */
export function enumWord(desc: DescEnum, value: DescEnumValue): string {
  const prefix = desc.sharedPrefix ?? '';
  const name = value.name.toLowerCase();
  return prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** The words that an attribute takes or shows, in the contract's order. */
export function enumWords(attribute: Attribute): { word: string; value: DescEnumValue }[] {
  const { field, mode } = attribute;
  if (field?.enum === undefined) return [];
  const desc = field.enum;
  const refused = mode === 'computed' ? [] : enumNumbersRefused(field);
  return desc.values
    .filter(({ number }) => number !== 0 && !refused.includes(number))
    .map((value) => ({ word: enumWord(desc, value), value }));
}
