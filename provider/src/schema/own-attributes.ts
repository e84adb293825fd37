/**
 * The attributes that every resource has beside the contract's: the provider's own, which are kept
 * in the state and never sent.
 */
import { create, type DescEnumValue } from '@bufbuild/protobuf';
import {
  type Disruption,
  DisruptionSchema,
  FieldBehaviorSchema,
} from '@limiquantix/proto/resource/v1/options_pb.js';
import { enumWord } from '@limiquantix/proto/validation/enum-word.js';
import { type Attribute, type Element, objectShape } from './shape.js';

/** The name of the attribute, and of the provider's argument, that limits what changes may cost. */
export const allowDisruptionName = 'allow_disruption' as const;

/** What a change may cost, as users write it: the contract's words, from nothing to everything. */
export const disruptionWords: ReadonlyMap<string, Disruption> = new Map(
  DisruptionSchema.values
    .filter(({ number }) => number !== 0)
    .map((value: DescEnumValue): [string, Disruption] => [
      enumWord(DisruptionSchema, value),
      value.number,
    ]),
);

/** The words in a row, for people. */
export const disruptionWordList = [...disruptionWords.keys()].map((word) => `"${word}"`).join(', ');

/** The attributes. */
export function ownAttributes(): Attribute[] {
  const times = Object.entries(timeoutNotes).map(([name, note]) => own(name, 'string', note));
  return [
    own('timeouts', objectShape(undefined, times), 'How long to wait; 20 minutes each without it.'),
    own(
      allowDisruptionName,
      'string',
      `The most that a change of this resource may cost what runs, one of ${disruptionWordList}: a ` +
        "plan that costs more is an error. Without it the provider's own holds.",
    ),
  ];
}

const timeoutNotes = {
  create: 'How long to wait until a new resource is ready, such as `30m`.',
  update: 'How long to wait until a change has taken effect, such as `30m`.',
  delete: 'How long to wait until the resource is gone, such as `30m`.',
};

/** An attribute that stands for no field of the contract. */
export function own(name: string, element: Element, note: string): Attribute {
  return {
    name,
    role: 'own',
    mode: 'optional',
    collection: 'one',
    element,
    field: undefined,
    behavior: create(FieldBehaviorSchema),
    factOf: undefined,
    note,
  };
}
