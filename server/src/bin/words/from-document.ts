/**
 * Documents, as users write them in YAML and JSON, as resources: converts what can be converted and
 * tells everything else with its path and what to do, so that one pass finds every mistake. Pure.
 * What only LimiQuantix sets is skipped: what `get` printed can be given back.
 */
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { behaviorOf, isPlainValue, writeField } from '../../resource/field-access.js';
import type { AnyResource } from '../../resource/resource.js';
import type { ResourceType } from '../../resource/type-registry.js';
import { enumNumber, enumWordsOf } from './enum-words.js';
import { didYouMean, nearest } from './nearest.js';
import { integerRange } from './numbers.js';

/** Where something is in a document: names, keys and indices from its top. */
export type DocumentPath = readonly (string | number)[];

/** Something that can't be. */
export interface Issue {
  readonly path: DocumentPath;
  /** What is wrong and what to do: lower case, no final period. */
  readonly message: string;
}

/** A document that was read. */
export interface Reading {
  readonly resource: AnyResource;
  readonly issues: readonly Issue[];
}

/** Reads a document without its `type`. */
export function fromDocument(type: ResourceType, document: unknown): Reading {
  const reader = new Reader(type);
  const resource = reader.message(type.message, document, []);
  return { resource: (resource ?? create(type.message)) as AnyResource, issues: reader.issues };
}

/** Reads one value as a field takes it, such as a flag's. */
export function fromPlain(field: DescField, value: unknown): { value: unknown; issues: Issue[] } {
  const reader = new Reader(undefined);
  return { value: reader.field(field, value, [field.name]), issues: reader.issues };
}

class Reader {
  readonly issues: Issue[] = [];
  readonly #type: ResourceType | undefined;

  constructor(type: ResourceType | undefined) {
    this.#type = type;
  }

  message(desc: DescMessage, value: unknown, path: DocumentPath): Message | undefined {
    if (!isMapping(value)) {
      return this.#refuse(path, `must have fields (${namesOf(desc)}), not ${shown(value)}`);
    }
    const message = create(desc);
    const given = new Map<string, string>();
    for (const [name, inner] of Object.entries(value)) {
      const field = desc.fields.find((one) => one.name === name || one.jsonName === name);
      if (field === undefined) {
        this.#refuse([...path, name], this.#unknownField(desc, name));
        continue;
      }
      if (inner === null || inner === undefined || behaviorOf(field).outputOnly) continue;
      const other = field.oneof && given.get(field.oneof.name);
      if (other !== undefined) {
        this.#refuse([...path, name], `can't be given beside ${other}; give one of them`);
        continue;
      }
      if (field.oneof !== undefined) given.set(field.oneof.name, name);
      const converted = this.field(field, inner, [...path, name]);
      if (converted !== undefined) writeField(message, field, converted);
    }
    return message;
  }

  field(field: DescField, value: unknown, path: DocumentPath): unknown {
    if (field.fieldKind === 'list') {
      if (!Array.isArray(value)) {
        return this.#refuse(path, `must be a list, not ${shown(value)}; write - before each item`);
      }
      const items = value.map((item, index) => this.#element(field, item, [...path, index]));
      return items.filter((item) => item !== undefined);
    }
    if (field.fieldKind !== 'map') return this.#element(field, value, path);
    if (!isMapping(value)) {
      const example = field.mapKind === 'message' ? 'NAME: {…}' : 'NAME: VALUE';
      return this.#refuse(path, `must be a map (${example}), not ${shown(value)}`);
    }
    const entries = Object.entries(value).map(([key, item]) => {
      return [key, this.#element(field, item, [...path, key])] as const;
    });
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
  }

  #element(field: DescField, value: unknown, path: DocumentPath): unknown {
    if (value === null) return this.#refuse(path, 'must not be null; leave it out');
    if (field.message !== undefined) {
      if (isPlainValue(field.message)) return this.#text(field.message, value, path);
      return this.message(field.message, value, path);
    }
    if (field.enum !== undefined) {
      return this.#enum(field as DescField & { enum: DescEnum }, value, path);
    }
    return this.#scalar(field.scalar, value, path);
  }

  #text(desc: DescMessage, value: unknown, path: DocumentPath): Message | undefined {
    try {
      return fromJson(desc, value as string);
    } catch {
      const example = desc.name === 'Duration' ? '30s' : '2026-01-31T12:00:00Z';
      return this.#refuse(path, `must be of the form ${example}, not ${shown(value)}`);
    }
  }

  #enum(field: DescField & { enum: DescEnum }, value: unknown, path: DocumentPath): unknown {
    const number = typeof value === 'string' ? enumNumber(field.enum, value) : undefined;
    if (number !== undefined) return number;
    if (typeof value === 'bigint' && field.enum.open) return Number(value);
    const words = enumWordsOf(field);
    const near = typeof value === 'string' ? didYouMean(value, words) : '';
    return this.#refuse(path, `must be one of ${words.join(', ')}, not ${shown(value)}${near}`);
  }

  #scalar(scalar: ScalarType | undefined, value: unknown, path: DocumentPath): unknown {
    switch (scalar) {
      case ScalarType.STRING:
        if (typeof value === 'string') return value;
        return this.#refuse(path, `must be text, not ${shown(value)}${quoteHint(value)}`);
      case ScalarType.BOOL:
        if (typeof value === 'boolean') return value;
        return this.#refuse(path, `must be true or false, not ${shown(value)}`);
      case ScalarType.BYTES: {
        if (typeof value === 'string' && isBase64(value)) return Buffer.from(value, 'base64');
        return this.#refuse(path, `must be text in base64, not ${shown(value)}`);
      }
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
        return this.#refuse(path, `must be a number, not ${shown(value)}`);
      default:
        return this.#integer(scalar, value, path);
    }
  }

  #integer(scalar: ScalarType | undefined, value: unknown, path: DocumentPath): unknown {
    const isText = typeof value === 'string' && /^-?\d+$/.test(value);
    const isWhole = typeof value === 'bigint' || (typeof value === 'number' && value % 1 === 0);
    if (!isText && !isWhole) {
      return this.#refuse(path, `must be a whole number, not ${shown(value)}`);
    }
    const integer = BigInt(value as string | number | bigint);
    const { min, max, isWide } = integerRange(scalar);
    if (integer < min || integer > max) {
      return this.#refuse(path, `must be from ${min} to ${max}, not ${integer}`);
    }
    return isWide ? integer : Number(integer);
  }

  #unknownField(desc: DescMessage, name: string): string {
    const names = desc.fields.filter((field) => !behaviorOf(field).outputOnly);
    const near = nearest(
      name,
      names.map((field) => field.name),
    );
    if (near !== undefined) return `is not a field here; did you mean "${near}"?`;
    const { spec, message } = this.#type ?? {};
    if (desc === message && spec?.fields.some((field) => field.name === name)) {
      return 'is not a field here; it belongs under spec';
    }
    return `is not a field here; there are ${namesOf(desc)}`;
  }

  #refuse(path: DocumentPath, message: string): undefined {
    this.issues.push({ path, message });
    return undefined;
  }
}

/** Names of fields in one message, for people. */
const namesMax = 30;

function namesOf(desc: DescMessage): string {
  const names = desc.fields
    .filter((field) => !behaviorOf(field).outputOnly)
    .map(({ name }) => name);
  const more = names.length > namesMax ? ', …' : '';
  return names.slice(0, namesMax).join(', ') + more;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shownCharactersMax = 60;

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value !== 'string') return String(value);
  const text = value.length > shownCharactersMax ? `${value.slice(0, 57)}...` : value;
  return JSON.stringify(text);
}

function quoteHint(value: unknown): string {
  return typeof value === 'object' ? '' : `; write "${String(value)}" in quotes`;
}

const isBase64 = (text: string): boolean =>
  /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
