/**
 * Every enum field that a client may write, by descriptor: values that the contract doesn't have
 * are refused, and so is UNSPECIFIED where it says nothing: where a value is required, in a list,
 * and where a field that may be left out is set to it and has no default.
 */
import { type DescField, type DescMessage, getOption, hasOption } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { field as fieldOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { messagePlan } from './plan.js';

const behaviorOf = (field: DescField) => getOption(field, fieldOption);

/** The enum fields of messages, what is in them included, without what only the server sets. */
function enumFields(messages: readonly DescMessage[]): readonly DescField[] {
  const seen = new Set<DescMessage>();
  const found: DescField[] = [];
  const visit = (message: DescMessage): void => {
    if (seen.has(message) || !message.typeName.startsWith('limiquantix.')) return;
    seen.add(message);
    for (const field of message.fields) {
      if (hasOption(field, fieldOption) && behaviorOf(field).outputOnly) continue;
      if (field.enum !== undefined) found.push(field);
      if (field.message !== undefined) visit(field.message);
    }
  };
  for (const message of messages) visit(message);
  return found;
}

const requests = contractFiles
  .filter(({ proto }) => !proto.package.startsWith('limiquantix.agent.'))
  .flatMap(({ services }) => services)
  .flatMap(({ methods }) => methods.map(({ input }) => input));

const cases = enumFields(requests).map((field) => {
  const { required, default: given } = behaviorOf(field);
  const isOptional = field.presence === FeatureSet_FieldPresence.EXPLICIT;
  const isNeeded = required || field.fieldKind !== 'enum' || (isOptional && given === '');
  const zero = isNeeded ? 'refuses' : 'takes';
  return { name: `${field.parent.typeName}.${field.name}`, field, zero };
});

test('there are some', () => {
  expect(cases.length).toBeGreaterThan(50);
});

test.each(cases)('$name $zero UNSPECIFIED, and nothing that is no value of it', (one) => {
  const plan = messagePlan(one.field.parent).fields.find(({ field }) => field === one.field);
  const value = one.field.fieldKind === 'enum' ? plan?.value : plan?.value.items;
  const holds = (number: number): boolean =>
    value?.rules.every((rule) => rule.holds(number)) ?? true;
  expect(holds(9_999)).toBe(false);
  expect(holds(0)).toBe(one.zero === 'takes');
});
