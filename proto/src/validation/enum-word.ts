/** Enum values as people write them: in lower case, without the enum's own prefix. Pure. */
import type { DescEnum, DescEnumValue } from '@bufbuild/protobuf';

/** A value's word, such as `running` for POWER_STATE_RUNNING. */
export function enumWord(desc: DescEnum, value: DescEnumValue): string {
  const prefix = desc.sharedPrefix ?? '';
  const name = value.name.toLowerCase();
  return prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** What is said where a value must be one of some words. */
export function oneOfWords(words: readonly string[]): string {
  return `must be one of ${words.map((word) => JSON.stringify(word)).join(', ')}`;
}
