/**
 * Resources as documents, for YAML and JSON: the contract's field names, enum values in words,
 * whole numbers as numbers, and nothing that nobody wrote. Pure. `from-document.ts` reads them.
 */
import { type DescField, type DescMessage, type Message, toJson } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { behaviorOf, isPlainValue, mapEntries } from '../../resource/field-access.js';
import type { AnyResource } from '../../resource/resource.js';
import type { ResourceType } from '../../resource/type-registry.js';
import { enumWord } from './enum-words.js';

/** What YAML and JSON can say. */
export type Plain = string | number | bigint | boolean | readonly Plain[] | Document;

/** A mapping from names to values. */
export interface Document {
  readonly [name: string]: Plain;
}

/** A resource with its type first. */
export function toDocument(type: ResourceType, resource: AnyResource): Document {
  return { type: type.type, ...messageToDocument(resource, type.message, 'intent') };
}

/** Any message, such as an answer, as it was observed. */
export function answerToDocument(desc: DescMessage, message: Message): Document {
  return messageToDocument(message, desc, 'observation');
}

/** In what was observed, zero and false are news; in an intent they are what nobody wrote. */
type Side = 'intent' | 'observation';

function messageToDocument(message: Message, desc: DescMessage, side: Side): Document {
  const entries: [string, Plain][] = [];
  for (const field of desc.fields) {
    const isStatus = field.fieldKind === 'message' && behaviorOf(field).outputOnly;
    const isObserved = side === 'observation' || isStatus;
    const value = heldValue(message, field);
    const plain = fieldToPlain(field, value, isObserved ? 'observation' : 'intent');
    if (plain !== undefined) entries.push([field.name, plain]);
  }
  return Object.fromEntries(entries);
}

function heldValue(message: Message, field: DescField): unknown {
  const bag = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) return bag[field.localName];
  const held = bag[field.oneof.localName] as { readonly case?: string; readonly value?: unknown };
  return held.case === field.localName ? held.value : undefined;
}

function fieldToPlain(field: DescField, value: unknown, side: Side): Plain | undefined {
  if (value === undefined) return undefined;
  if (field.fieldKind === 'map') {
    const entries = mapEntries(value).map(([key, item]) => [key, toPlain(field, item, side)]);
    return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Document);
  }
  if (field.fieldKind === 'list') {
    const items = (value as readonly unknown[]).map((item) => toPlain(field, item, side));
    return items.length === 0 ? undefined : items;
  }
  // Where the contract tells zero from what nobody wrote, zero was written.
  const isExplicit = field.presence === FeatureSet_FieldPresence.EXPLICIT;
  if (!isExplicit && isUnset(field, value, side)) return undefined;
  return toPlain(field, value, side);
}

function isUnset(field: DescField, value: unknown, side: Side): boolean {
  if (value === '' || (value instanceof Uint8Array && value.length === 0)) return true;
  if (field.enum !== undefined) return value === 0;
  return side === 'intent' && (value === 0 || value === 0n || value === false);
}

function toPlain(field: DescField, value: unknown, side: Side): Plain {
  if (field.message !== undefined) {
    const message = value as Message;
    if (!isPlainValue(field.message)) return messageToDocument(message, field.message, side);
    return toJson(field.message, message) as Plain;
  }
  if (field.enum !== undefined) return enumWord(field.enum, Number(value));
  if (typeof value === 'bigint') {
    const double = Number(value);
    return Number.isSafeInteger(double) ? double : value;
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value as string | number | boolean;
}
