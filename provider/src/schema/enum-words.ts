/**
 * The words that an attribute of an enum's values takes or shows.
 */
import type { DescEnumValue } from '@bufbuild/protobuf';
import { enumWord } from '@limiquantix/proto/validation/enum-word.js';
import { enumNumbersRefused } from './rules.js';
import type { Attribute } from './shape.js';

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
