/**
 * Enum values as users read and write them, the same as in Terraform: in lower case, without the
 * enum's own prefix, such as `running` for POWER_STATE_RUNNING. Pure.
 */
import { type DescEnum, type DescField, getOption, hasOption } from '@bufbuild/protobuf';
import { field as rulesOption } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

/** A value's word; empty for none, and the number of one that a newer contract has. */
export function enumWord(desc: DescEnum, number: number): string {
  if (number === 0) return '';
  const name = desc.value[number]?.name;
  return name === undefined ? String(number) : wordOf(desc, name);
}

/** The words that a field takes, in the contract's order. */
export function enumWordsOf(field: DescField & { readonly enum: DescEnum }): string[] {
  const refused = numbersRefused(field);
  return field.enum.values
    .filter(({ number }) => number !== 0 && !refused.includes(number))
    .map(({ name }) => wordOf(field.enum, name));
}

/** The number of a word, or of a value's full name; undefined where there is none. */
export function enumNumber(desc: DescEnum, word: string): number | undefined {
  const wanted = word.toLowerCase().replaceAll('-', '_');
  const found = desc.values.find(
    ({ name }) => wordOf(desc, name) === wanted || name.toLowerCase() === wanted,
  );
  return found?.number;
}

function wordOf(desc: DescEnum, name: string): string {
  return name.slice((desc.sharedPrefix ?? '').length).toLowerCase();
}

function numbersRefused(field: DescField): readonly number[] {
  if (!hasOption(field, rulesOption)) return [];
  const { type } = getOption(field, rulesOption);
  return type.case === 'enum' ? type.value.notIn : [];
}
