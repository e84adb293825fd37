/**
 * Turns a state that an older provider wrote into one of today's schema, by the contract's steps.
 * Numbers keep their text: reading and writing them could round them. Pure.
 */
import type { StateStep } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { ObjectShape } from '../schema/shape.js';
import { DiagnosticError, problem } from './diagnostic.js';

/** A number as it was written. */
class Raw {
  constructor(readonly text: string) {}
}

type Json = null | boolean | string | Raw | Json[] | JsonObject;
interface JsonObject {
  [name: string]: Json;
}

/** What of a resource type's shape is looked at. */
export type Upgraded = Pick<ResourceShape, 'typeName' | 'schemaVersion' | 'object' | 'options'>;

/**
 * The state, as JSON of today's schema. Throws DiagnosticError for one of a newer schema, and for
 * one that is no object.
 */
export function upgradeState(shape: Upgraded, version: number, json: string): string {
  const { typeName, schemaVersion, object, options } = shape;
  if (version > schemaVersion) {
    throw unreadable(
      typeName,
      `a newer provider wrote it, with version ${version} of the schema; this one knows versions up ` +
        `to ${schemaVersion}: use the provider that wrote it, or a newer one`,
    );
  }
  // As it is: it is today's already.
  if (version === schemaVersion) return json;
  const state = parse(json);
  if (!isJsonObject(state)) throw unreadable(typeName, 'it is no object');
  for (let from = version; from < schemaVersion; from += 1) {
    for (const step of options.stateSteps) if (step.from === from) takeStep(state, step);
  }
  return write(conform(object, state));
}

const unreadable = (typeName: string, why: string): DiagnosticError =>
  new DiagnosticError([problem(`The state of ${typeName} cannot be read`, why)]);

function takeStep(state: JsonObject, { attribute, change }: StateStep): void {
  const path = attribute.split('.');
  const name = path.pop() ?? '';
  for (const holder of holdersOf(state, path)) {
    const value = holder[name] ?? null;
    switch (change.case) {
      case 'renameTo':
        delete holder[name];
        // What has the new name already was written by somebody who knew better.
        if (value !== null) holder[change.value] ??= value;
        break;
      case 'setDefault':
        if (value === null) holder[name] = parse(change.value);
        break;
      case 'multiplyBy':
        if (value instanceof Raw) holder[name] = multiplied(value, change.value);
        break;
      case 'word':
        if (value === change.value.old) holder[name] = change.value.new;
        break;
      case undefined:
        throw new Error(`a step of ${attribute} changes nothing`);
    }
  }
}

/** The objects that a path leads to: each entry for `*`. */
function holdersOf(state: JsonObject, path: readonly string[]): JsonObject[] {
  let all: Json[] = [state];
  for (const name of path) {
    all = all.flatMap((one): Json[] => {
      if (name === '*') return one !== null && typeof one === 'object' ? entriesOf(one) : [];
      return isJsonObject(one) ? [one[name] ?? null] : [];
    });
  }
  return all.filter(isJsonObject);
}

const entriesOf = (value: Json[] | JsonObject | Raw): Json[] =>
  value instanceof Raw ? [] : Object.values(value);

function multiplied({ text }: Raw, factor: number): Raw {
  const isWhole = /^-?\d+$/.test(text) && Number.isInteger(factor);
  return new Raw(String(isWhole ? BigInt(text) * BigInt(factor) : Number(text) * factor));
}

/** The attributes that the schema has, and no others. */
function conform(shape: ObjectShape, value: JsonObject): JsonObject {
  return Object.fromEntries(
    shape.attributes.map(({ name, element, collection }): [string, Json] => {
      const inner = value[name] ?? null;
      if (typeof element === 'string') return [name, inner];
      const item = (one: Json): Json => (isJsonObject(one) ? conform(element, one) : one);
      if (collection === 'one') return [name, item(inner)];
      if (Array.isArray(inner)) return [name, inner.map(item)];
      if (!isJsonObject(inner)) return [name, inner];
      const entries = Object.entries(inner).map(([key, one]): [string, Json] => [key, item(one)]);
      return [name, Object.fromEntries(entries)];
    }),
  );
}

function isJsonObject(value: Json): value is JsonObject {
  const isOther = Array.isArray(value) || value instanceof Raw;
  return typeof value === 'object' && value !== null && !isOther;
}

/** JSON.parse gives each number's own text to a reviver, which the types don't know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source: string }) => unknown;

function parse(text: string): Json {
  const reviver: Reviver = (_, value, { source }) =>
    typeof value === 'number' ? new Raw(source) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as Json;
}

function write(value: Json): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${write(one)}`);
  return `{${entries.join(',')}}`;
}
