/**
 * The rules of one value, from the contract's annotations: each with its id, what it says, and
 * whether it holds. The rules' words are here, for the server and for the plan alike. A rule that
 * isn't known here is an error, never skipped. Pure.
 */
import { type DescEnum, isFieldSet, type Message } from '@bufbuild/protobuf';
import {
  type FieldRules,
  FieldRulesSchema,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { enumWord, oneOfWords } from './enum-word.js';
import { isHostname, isIp, isUri, isUuid } from './formats.js';

/** One rule. */
export interface Rule {
  /** Protovalidate's id, such as `string.min_len`. */
  readonly id: string;
  /** What is said where it doesn't hold, such as `must be from 1 to 64`. */
  readonly words: string;
  readonly holds: (value: unknown) => boolean;
}

/** The rules of a single value; those of items, keys and expressions are left to the caller. */
export function valueRules(
  rules: FieldRules | undefined,
  desc: DescEnum | undefined,
  where: string,
): Rule[] {
  const type = rules?.type;
  if (type?.case === undefined) return [];
  const given = givenRules(type.value, where);
  switch (type.case) {
    case 'string':
      return textRules(given);
    case 'bytes':
      return limits('bytes', 'len', ['byte', 'bytes'], given, (value) => lengthOf(value));
    case 'enum':
      return desc === undefined ? [] : [enumRule(desc, given)];
    case 'repeated':
      return listRules(given);
    case 'map':
      return limits('map', 'pairs', ['entry', 'entries'], given, (value) => lengthOf(value));
    default:
      return numberRules(type.case, given);
  }
}

/** What was set of a value's rules, by the names of protovalidate's fields. */
type Given = Readonly<Record<string, unknown>>;

/** The rules that are understood, by the kind of value. */
const understood: Readonly<Record<string, readonly string[]>> = {
  StringRules: [
    ...['min_len', 'max_len', 'min_bytes', 'max_bytes', 'pattern', 'prefix'],
    ...['uuid', 'ip', 'ipv4', 'ipv6', 'uri', 'hostname'],
  ],
  BytesRules: ['min_len', 'max_len'],
  EnumRules: ['defined_only', 'not_in'],
  RepeatedRules: ['min_items', 'max_items', 'unique', 'items'],
  MapRules: ['min_pairs', 'max_pairs', 'keys', 'values'],
  number: ['gt', 'gte', 'lt', 'lte'],
};

function givenRules(rules: Message, where: string): Given {
  const [, kind = ''] = /\.(\w+)$/.exec(rules.$typeName) ?? [];
  const known = understood[kind] ?? understood['number'] ?? [];
  const desc = FieldRulesSchema.fields.find(
    ({ message }) => message?.typeName === rules.$typeName,
  )?.message;
  const given: Record<string, unknown> = {};
  for (const field of desc?.fields ?? []) {
    if (!isFieldSet(rules, field)) continue;
    if (!known.includes(field.name)) {
      throw new Error(`${where}: ${kind}.${field.name} is not known to proto/src/validation`);
    }
    const bag = rules as unknown as Record<string, unknown>;
    given[field.name] =
      field.oneof === undefined
        ? bag[field.localName]
        : (bag[field.oneof.localName] as { readonly value: unknown }).value;
  }
  return given;
}

/** Patterns of the contract that deserve better words than themselves. */
const patternWords: Readonly<Record<string, string>> = {
  '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$':
    'must begin with a lower-case letter and go on with lower-case letters, digits and hyphens, 63 characters at most',
  '^[a-z][a-z0-9_-]{0,30}$':
    'must begin with a lower-case letter and go on with lower-case letters, digits, _ and -, 31 characters at most',
  '^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$':
    'must be a unicast MAC address in lower case, such as 52:54:00:12:34:56',
  '^[0-9a-f]{64}$': 'must be a SHA-256 in 64 lower-case hexadecimal digits',
};

interface Format {
  readonly words: string;
  readonly test: (text: string) => boolean;
}

/** By the names of protovalidate's rules. */
const formats: Readonly<Record<string, Format>> = {
  uuid: { words: "must be a resource's id (a UUID)", test: isUuid },
  ip: { words: 'must be an IP address, such as 10.0.0.7 or fd00::7', test: (text) => isIp(text) },
  ipv4: { words: 'must be an IPv4 address, such as 10.0.0.7', test: (text) => isIp(text, 4) },
  ipv6: { words: 'must be an IPv6 address, such as fd00::7', test: (text) => isIp(text, 6) },
  uri: { words: 'must be a URL, such as https://example.org/a', test: isUri },
  hostname: { words: "must be a host's name, such as db.example.org", test: isHostname },
};

function textRules(given: Given): Rule[] {
  const characters = (value: unknown): number => [...String(value)].length;
  const bytes = (value: unknown): number => new TextEncoder().encode(String(value)).length;
  const result = [
    ...limits('string', 'len', ['character', 'characters'], given, characters),
    ...limits('string', 'bytes', ['byte', 'bytes'], given, bytes),
  ];
  const { pattern, prefix } = given;
  if (typeof pattern === 'string') {
    const regex = new RegExp(pattern, 'u');
    const words = patternWords[pattern] ?? `must match the pattern ${pattern}`;
    result.push({ id: 'string.pattern', words, holds: (value) => regex.test(String(value)) });
  }
  if (typeof prefix === 'string') {
    const words = `must begin with ${JSON.stringify(prefix)}`;
    result.push({ id: 'string.prefix', words, holds: (value) => String(value).startsWith(prefix) });
  }
  for (const [name, { words, test }] of Object.entries(formats)) {
    if (given[name] !== true) continue;
    result.push({ id: `string.${name}`, words, holds: (value) => test(String(value)) });
  }
  return result;
}

/** The rules `min_<what>` and `max_<what>`. */
function limits(
  kind: string,
  what: string,
  [one, many]: readonly [one: string, many: string],
  given: Given,
  sizeOf: (value: unknown) => number,
): Rule[] {
  const amount = (count: number): string => `${count} ${count === 1 ? one : many}`;
  const result: Rule[] = [];
  const [low, high] = [given[`min_${what}`], given[`max_${what}`]];
  if (low !== undefined) {
    const min = Number(low);
    const words = `must have at least ${amount(min)}`;
    result.push({ id: `${kind}.min_${what}`, words, holds: (value) => sizeOf(value) >= min });
  }
  if (high !== undefined) {
    const max = Number(high);
    const words = `must have at most ${amount(max)}`;
    result.push({ id: `${kind}.max_${what}`, words, holds: (value) => sizeOf(value) <= max });
  }
  return result;
}

/** How many items, entries or bytes there are. */
function lengthOf(value: unknown): number {
  const isList = Array.isArray(value) || value instanceof Uint8Array;
  return isList ? value.length : Object.keys(value as object).length;
}

function listRules(given: Given): Rule[] {
  const result = limits('repeated', 'items', ['item', 'items'], given, lengthOf);
  if (given['unique'] === true) {
    result.push({
      id: 'repeated.unique',
      words: 'must not hold the same value twice',
      holds: (value) => new Set(value as unknown[]).size === lengthOf(value),
    });
  }
  return result;
}

function enumRule(desc: DescEnum, given: Given): Rule {
  const refused = (given['not_in'] ?? []) as readonly number[];
  const allowed = desc.values.filter(({ number }) => !refused.includes(number));
  const numbers = new Set(allowed.map(({ number }) => number));
  const shown = allowed.filter(({ number }) => number !== 0);
  const isDefinedOnly = given['defined_only'] === true;
  return {
    id: isDefinedOnly ? 'enum.defined_only' : 'enum.not_in',
    words: oneOfWords(shown.map((value) => enumWord(desc, value))),
    holds: (value) =>
      isDefinedOnly ? numbers.has(value as number) : !refused.includes(value as number),
  };
}

function numberRules(kind: string, given: Given): Rule[] {
  const { gt, gte, lt, lte } = given as Readonly<Record<string, number | bigint | undefined>>;
  if ((gt ?? gte ?? lt ?? lte) === undefined) return [];
  const words =
    gte !== undefined && lte !== undefined
      ? `from ${gte} to ${lte}`
      : [
          ...(gt === undefined ? [] : [`more than ${gt}`]),
          ...(gte === undefined ? [] : [`at least ${gte}`]),
          ...(lt === undefined ? [] : [`less than ${lt}`]),
          ...(lte === undefined ? [] : [`at most ${lte}`]),
        ].join(' and ');
  return [
    {
      id: `${kind}.${Object.keys(given).sort().join('_')}`,
      words: `must be ${words}`,
      holds: (value) => {
        const number = value as number;
        const isAbove = (gt === undefined || number > gt) && (gte === undefined || number >= gte);
        return isAbove && (lt === undefined || number < lt) && (lte === undefined || number <= lte);
      },
    },
  ];
}
