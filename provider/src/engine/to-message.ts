/**
 * From Terraform values to messages. What isn't known is left out and named; what can't be converted is left
 * out and told, so that one pass finds every problem.
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import type { OpenFields } from '@limiquantix/proto/validation/check.js';
import { oneOfWords } from '@limiquantix/proto/validation/enum-word.js';
import { enumWords } from '../schema/enum-words.js';
import { isTextMessage } from '../schema/message-shape.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { numberWords } from '../schema/rules.js';
import type { Attribute, ObjectShape } from '../schema/shape.js';
import type { AttributePath } from '../value/path.js';
import type { ObjectValue, Value } from '../value/value.js';
import { isList, isNumber, isObject, isUnknown, numberText } from '../value/value.js';
import { type AnyResource, setField } from './fields.js';

/** Something that can't be converted. */
export interface Issue {
  readonly path: AttributePath;
  readonly message: string;
}

/** A converted value. */
export interface Conversion<M extends Message = AnyResource> {
  readonly desc: DescMessage;
  readonly message: M;
  readonly issues: readonly Issue[];
  /** What isn't in the message: not known yet, filled in later, or not to be converted. */
  readonly open: Open;
}

/** Converts a resource's header and spec. Computed attributes and the status are left out. */
export function resourceToMessage(shape: ResourceShape, value: ObjectValue): Conversion {
  const converter = new Converter();
  const message = create(shape.message) as AnyResource;
  converter.fields(message, shape.header, value, []);
  const spec = create(shape.specField.message);
  converter.fields(spec, shape.spec.attributes, value, []);
  converter.oneofs(shape.specField.message, value, []);
  message.spec = spec;
  return { desc: shape.message, message, issues: converter.issues, open: converter.open };
}

/** Converts an object that stands for a message. */
export function objectToMessage(shape: ObjectShape, value: ObjectValue): Conversion<Message> {
  if (shape.message === undefined) throw new Error('an object without a message has no fields');
  const converter = new Converter();
  const message = create(shape.message);
  converter.fields(message, shape.attributes, value, []);
  converter.oneofs(shape.message, value, []);
  const { issues, open } = converter;
  return { desc: shape.message, message, issues, open };
}

/** The fields of messages of which something isn't known, and where what is known stands. */
export class Open implements OpenFields {
  readonly #fields = new Map<Message, Map<DescField, number[]>>();

  /** Whether nothing is missing. */
  get isEmpty(): boolean {
    return this.#fields.size === 0;
  }

  isOpen(message: Message, field: DescField): boolean {
    return this.#fields.get(message)?.has(field) ?? false;
  }

  position(message: Message, field: DescField, index: number): number {
    return this.#fields.get(message)?.get(field)?.[index] ?? index;
  }

  /** Notes a field; for a list, with the places of the items that are there. */
  note(message: Message, field: DescField, places: number[] = []): void {
    const fields = this.#fields.get(message) ?? new Map<DescField, number[]>();
    this.#fields.set(message, fields.set(field, places));
  }
}

class Converter {
  readonly issues: Issue[] = [];
  readonly open = new Open();

  fields(
    message: Message,
    attributes: readonly Attribute[],
    value: ObjectValue,
    path: AttributePath,
  ): void {
    for (const attribute of attributes) {
      const { field, mode, role, name } = attribute;
      if (field === undefined || mode === 'computed' || role === 'secret_version') continue;
      const inner = value[name] ?? null;
      const innerPath = [...path, { attribute: name }];
      if (inner === null) {
        if (mode === 'optional_computed') this.open.note(message, field);
        continue;
      }
      const { converted, places } = this.collection(attribute, field, inner, innerPath);
      if (converted !== undefined) setField(message, field, converted);
      if (places !== undefined) this.open.note(message, field, places);
    }
  }

  /** Says it where more than one of a group of alternatives is given: no message holds both. */
  oneofs(desc: DescMessage, value: ObjectValue, path: AttributePath): void {
    for (const oneof of desc.oneofs) {
      const names = oneof.fields.map(({ name }) => name);
      const given = names.filter((name) => (value[name] ?? null) !== null);
      if (given.length < 2 || given.some((name) => isUnknown(value[name]))) continue;
      const message = `needs exactly one of ${names.join(', ')}; got ${given.join(' and ')}`;
      this.issues.push({ path, message });
    }
  }

  /** The field's value, and where its items stand if not all of it could be converted. */
  private collection(
    attribute: Attribute,
    field: DescField,
    value: Value,
    path: AttributePath,
  ): { readonly converted: unknown; readonly places?: number[] } {
    if (isUnknown(value)) return { converted: undefined, places: [] };
    if (attribute.collection === 'one') {
      const converted = this.element(attribute, field, value, path);
      return converted === undefined ? { converted, places: [] } : { converted };
    }
    if (attribute.collection === 'map') {
      const entries = Object.entries(isObject(value) ? value : {}).map(
        ([key, item]) => [key, this.element(attribute, field, item, [...path, { key }])] as const,
      );
      const known = entries.filter(([, item]) => item !== undefined);
      const converted = Object.fromEntries(known);
      return known.length < entries.length ? { converted, places: [] } : { converted };
    }
    const items = (isList(value) ? value : []).map((item, index) => {
      // Terraform names a set's elements by their whole value; the set itself is near enough.
      const itemPath = attribute.collection === 'set' ? path : [...path, { index }];
      return this.element(attribute, field, item, itemPath);
    });
    const converted = items.filter((item) => item !== undefined);
    if (converted.length === items.length) return { converted };
    return { converted, places: [...items.keys()].filter((i) => items[i] !== undefined) };
  }

  private element(
    attribute: Attribute,
    field: DescField,
    value: Value,
    path: AttributePath,
  ): unknown {
    if (isUnknown(value)) return undefined;
    if (value === null) {
      this.issues.push({ path, message: 'must not be null' });
      return undefined;
    }
    if (typeof attribute.element !== 'string') {
      return isObject(value) ? this.message(attribute.element, value, path) : undefined;
    }
    if (field.message !== undefined) return this.textMessage(field.message, value, path);
    if (field.enum !== undefined) return this.enumNumber(attribute, value, path);
    if (isNumber(value)) return this.number(field, numberText(value), path);
    if (field.scalar === ScalarType.BYTES) return Buffer.from(String(value), 'base64');
    return value;
  }

  private message(shape: ObjectShape, value: ObjectValue, path: AttributePath): Message {
    if (shape.message === undefined) throw new Error('an object without a message has no fields');
    const message = create(shape.message);
    this.fields(message, shape.attributes, value, path);
    this.oneofs(shape.message, value, path);
    return message;
  }

  private textMessage(desc: DescMessage, value: Value, path: AttributePath): Message | undefined {
    if (!isTextMessage(desc) || typeof value !== 'string') return undefined;
    try {
      return fromJson(desc, value);
    } catch {
      const example = desc.name === 'Duration' ? '30s' : '2026-01-31T12:00:00Z';
      this.issues.push({ path, message: `must be of the form ${example}; got "${value}"` });
      return undefined;
    }
  }

  private enumNumber(attribute: Attribute, value: Value, path: AttributePath): number | undefined {
    const words = enumWords(attribute);
    const found = words.find(({ word }) => word === value);
    if (found === undefined) {
      const message = oneOfWords(words.map(({ word }) => word));
      this.issues.push({ path, message: `${message}; got "${String(value)}"` });
    }
    return found?.value.number;
  }

  private number(field: DescField, text: string, path: AttributePath): unknown {
    const range = field.scalar === undefined ? undefined : integerRanges[field.scalar];
    if (range === undefined) return Number(text);
    if (!/^-?\d+$/.test(text)) {
      this.issues.push({ path, message: `must be a whole number; got ${text}` });
      return undefined;
    }
    const integer = BigInt(text);
    if (integer < range.min || integer > range.max) {
      const words = numberWords(field) ?? `must be from ${range.min} to ${range.max}`;
      this.issues.push({ path, message: `${words}; got ${text}` });
      return undefined;
    }
    return range.max > 0xffff_ffffn ? integer : Number(integer);
  }
}

const int32 = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const uint32 = { min: 0n, max: 2n ** 32n - 1n };
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const uint64 = { min: 0n, max: 2n ** 64n - 1n };

const integerRanges: Readonly<Partial<Record<ScalarType, { min: bigint; max: bigint }>>> = {
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
};
