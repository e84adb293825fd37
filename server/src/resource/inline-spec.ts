/**
 * The spec of a resource that another one brings along, from the form that it is written in there:
 * the volume of a machine's disk, the port of its interface. Pure, over descriptors: every field of
 * the form is told where it goes, by its name or by a row of a table, and one that is forgotten is
 * an error when the form is prepared.
 */
import {
  clone,
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type MessageShape,
} from '@bufbuild/protobuf';
import { enumWord } from '@limiquantix/proto/validation/enum-word.js';
import { findField, readField, writeField } from './field-access.js';

/** Where fields of a form go whose name is another one: a path in the spec, or nowhere. */
export type Moves = Readonly<Record<string, string | undefined>>;

/**
 * What lays a form over a spec: its fields take the place of those that the spec has, and what the
 * form has no field for stays as it is.
 */
export type Inline<Form extends DescMessage, Spec extends DescMessage> = (
  form: MessageShape<Form>,
  spec: MessageShape<Spec> | undefined,
) => MessageShape<Spec>;

/** Prepares a form. Throws where one of its fields goes nowhere, and no row says so. */
export function inlineSpec<Form extends DescMessage, Spec extends DescMessage>(
  form: Form,
  spec: Spec,
  moves: Moves = {},
): Inline<Form, Spec> {
  const steps = form.fields.flatMap((from) => {
    const path = Object.hasOwn(moves, from.name) ? moves[from.name] : from.name;
    return path === undefined ? [] : [{ from, to: fieldsAt(spec, path.split('.'), from) }];
  });
  return (given, present) => {
    const made = present === undefined ? create(spec) : clone(spec, present);
    for (const { from, to } of steps) write(made, to, valueFor(to.at(-1), from, given));
    return made;
  };
}

/** The value of another enum that is called the same; undefined for none. */
export function sameWord(from: DescEnum, number: number, to: DescEnum): number | undefined {
  const value = from.value[number];
  if (value === undefined) return undefined;
  const word = enumWord(from, value);
  return to.values.find((other) => enumWord(to, other) === word)?.number;
}

function fieldsAt(spec: DescMessage, path: readonly string[], from: DescField): DescField[] {
  const [name = '', ...rest] = path;
  const field = findField(spec, name);
  if (field === undefined || (rest.length > 0 && field.fieldKind !== 'message')) {
    throw new Error(`${from.parent.name}.${from.name} goes nowhere in ${spec.name}`);
  }
  if (rest.length > 0 && field.message !== undefined) {
    return [field, ...fieldsAt(field.message, rest, from)];
  }
  if (field.fieldKind !== from.fieldKind) {
    throw new Error(`${from.parent.name}.${from.name} is no ${field.fieldKind}`);
  }
  return [field];
}

function valueFor(
  to: DescField | undefined,
  from: DescField,
  form: MessageShape<DescMessage>,
): unknown {
  const value = readField(form, from);
  if (value === undefined || from.fieldKind !== 'enum' || to?.fieldKind !== 'enum') return value;
  return sameWord(from.enum, value as number, to.enum);
}

/** Writes a value; what holds it is made where it is missing, and stays where it is a choice. */
function write(
  message: MessageShape<DescMessage>,
  [field, ...rest]: readonly DescField[],
  value: unknown,
): void {
  if (field === undefined) return;
  if (rest.length === 0) {
    writeField(message, field, value);
    return;
  }
  const inner = readField(message, field);
  if (value === undefined && inner === undefined) return;
  const held = (inner ?? create(field.message as DescMessage)) as MessageShape<DescMessage>;
  write(held, rest, value);
  writeField(message, field, held);
}
