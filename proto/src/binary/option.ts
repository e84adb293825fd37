/** The contract's own options of a descriptor: of a field, a message, a group, a method. */
import {
  type AnyDesc,
  type DescExtension,
  type ExtensionValueShape,
  getOption,
  type UnknownField,
} from '@bufbuild/protobuf';
import { planOf } from './plan.js';
import { blank, Reader } from './read.js';

type Options = { readonly $unknown?: UnknownField[] | undefined } | undefined;

/**
 * The value of an option; undefined where it isn't given. As the library's `hasOption` and
 * `getOption` together, without an object for each field of each option.
 */
export function optionOf<Option extends DescExtension>(
  element: Exclude<AnyDesc, DescExtension | { kind: 'enum_value' }>,
  option: Option,
): ExtensionValueShape<Option> | undefined {
  const options: Options = element.proto.options;
  const given = options?.$unknown?.filter(({ no }) => no === option.number) ?? [];
  if (given.length === 0) return undefined;
  const plan = option.fieldKind === 'message' ? planOf(option.message) : undefined;
  if (plan === undefined) return getOption(element as never, option);
  const value = blank(plan);
  for (const { data } of given) new Reader(data).delimited(plan, value);
  return value as ExtensionValueShape<Option>;
}
