/**
 * The values that hold where none is given, read from the contract's `default` annotations. Intent
 * is stored without them, so every reader of a spec asks here. Pure.
 */
import {
  type DescField,
  type DescMessage,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import { behaviorOf, readField } from './field-access.js';

const parsed = new WeakMap<DescField, { readonly value: unknown }>();

/** A field's default as a message would hold it (an enum's number, a bigint), or undefined. */
export function defaultOf(field: DescField): unknown {
  let known = parsed.get(field);
  if (known === undefined) {
    known = { value: parseDefault(field) };
    parsed.set(field, known);
  }
  return known.value;
}

/** A field's value, or else its default, or else undefined. */
export function effectiveField(
  message: MessageShape<DescMessage> | undefined,
  field: DescField,
): unknown {
  const given = message === undefined ? undefined : readField(message, field);
  return given ?? defaultOf(field);
}

/**
 * A field's value, or else its default, or else the type's zero: `effective(CpuSpecSchema, cpu,
 * 'sockets')`. The message may be undefined. Throws for a name that isn't a field of its own, such
 * as a oneof's.
 */
export function effective<
  Desc extends DescMessage,
  Name extends Exclude<keyof MessageShape<Desc>, '$typeName' | '$unknown'> & string,
>(
  schema: Desc,
  message: MessageShape<Desc> | undefined,
  name: Name,
): NonNullable<MessageShape<Desc>[Name]> {
  const field = schema.field[name];
  if (field === undefined) throw new Error(`${schema.typeName} has no field ${name}`);
  const value = effectiveField(message, field) ?? zeroOf(field);
  return value as NonNullable<MessageShape<Desc>[Name]>;
}

function parseDefault(field: DescField): unknown {
  const text = behaviorOf(field).default;
  if (text === '') return undefined;
  const json: unknown = JSON.parse(text);
  if (field.fieldKind === 'enum') return enumNumber(field, String(json));
  if (field.fieldKind === 'scalar' && isWide(field.scalar) && typeof json === 'number') {
    return BigInt(json);
  }
  return json;
}

/** Defaults name an enum's value as users do: `running` for POWER_STATE_RUNNING. */
function enumNumber(field: DescField & { fieldKind: 'enum' }, word: string): number {
  const prefix = field.enum.sharedPrefix ?? '';
  const value = field.enum.values.find(
    ({ name }) => name.toLowerCase() === `${prefix.toLowerCase()}${word.toLowerCase()}`,
  );
  if (value === undefined) throw new Error(`${field.enum.typeName} has no value ${word}`);
  return value.number;
}

function zeroOf(field: DescField): unknown {
  if (field.fieldKind === 'list') return [];
  if (field.fieldKind === 'map') return {};
  if (field.fieldKind === 'enum') return 0;
  if (field.fieldKind === 'message') return undefined;
  if (field.scalar === ScalarType.STRING) return '';
  if (field.scalar === ScalarType.BOOL) return false;
  if (field.scalar === ScalarType.BYTES) return new Uint8Array();
  return isWide(field.scalar) ? 0n : 0;
}

const wide: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);
const isWide = (scalar: ScalarType): boolean => wide.has(scalar);
