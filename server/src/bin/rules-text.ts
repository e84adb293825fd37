/** The contract's rules for a field in words. Pure. */
import { type DescField, type Message, ScalarType } from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as rulesOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { optionOf } from '@limiquantix/proto/binary/option.js';

/** What a field's value must be; each rule in words. */
export function rulesText(field: DescField): string[] {
  const rules = optionOf(field, rulesOption);
  if (rules === undefined) return [];
  return [...textsOf(rules), ...rules.cel.map(({ message }) => message)].filter(Boolean);
}

function textsOf(rules: FieldRules): string[] {
  const { type } = rules;
  switch (type.case) {
    case undefined:
      return [];
    case 'repeated': {
      const { items, unique, minItems, maxItems } = type.value;
      return [
        range('items', minItems, maxItems),
        unique ? 'no item twice' : '',
        ...prefixed('each item', items),
      ];
    }
    case 'map': {
      const { keys, values, minPairs, maxPairs } = type.value;
      return [
        range('entries', minPairs, maxPairs),
        ...prefixed('each key', keys),
        ...prefixed('each value', values),
      ];
    }
    case 'enum':
      return [];
    default:
      return plainTexts(type.value);
  }
}

const prefixed = (what: string, rules: FieldRules | undefined): string[] =>
  rules === undefined ? [] : textsOf(rules).map((text) => `${what}: ${text}`);

/** Rules that are words by themselves, such as `ip: true`. */
const words: Readonly<Record<string, string>> = {
  uuid: 'an id (UUID), or in files a name',
  ip: 'an IP address',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  ipPrefix: 'a prefix such as 10.0.0.0/24',
  ipv4Prefix: 'an IPv4 prefix such as 10.0.0.0/24',
  ipv6Prefix: 'an IPv6 prefix such as fd00::/64',
  ipWithPrefixlen: 'an address with its prefix length, such as 10.0.0.1/24',
  ipv4WithPrefixlen: 'an IPv4 address with its prefix length, such as 10.0.0.1/24',
  ipv6WithPrefixlen: 'an IPv6 address with its prefix length',
  hostname: 'a host name',
  address: 'a host name or an IP address',
  hostAndPort: 'host:port',
  uri: 'a URL',
  email: 'an e-mail address',
};

function plainTexts(message: Message): string[] {
  const rules = flattened(message);
  const texts: string[] = [];
  const numbers = bounds(rules);
  if (numbers !== '') texts.push(numbers);
  texts.push(range('characters', rules['minLen'], rules['maxLen']));
  texts.push(range('bytes', rules['minBytes'], rules['maxBytes']));
  for (const [name, value] of Object.entries(rules)) {
    if (value === true && words[name] !== undefined) texts.push(words[name]);
  }
  const { pattern, prefix, suffix, contains, const: only } = rules;
  if (pattern) texts.push(`of the form ${String(pattern)}`);
  if (prefix) texts.push(`begins with ${JSON.stringify(prefix)}`);
  if (suffix) texts.push(`ends with ${JSON.stringify(suffix)}`);
  if (contains) texts.push(`contains ${JSON.stringify(contains)}`);
  if (only !== undefined) texts.push(`exactly ${String(only)}`);
  const among = rules['in'];
  if (Array.isArray(among) && among.length > 0)
    texts.push(`one of ${among.map(String).join(', ')}`);
  const never = rules['notIn'];
  if (Array.isArray(never) && never.length > 0)
    texts.push(`none of ${never.map(String).join(', ')}`);
  return texts.filter((text) => text !== '');
}

/** The set rules by name, those in oneofs as well. */
function flattened(message: Message): Record<string, unknown> {
  const rules: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message)) {
    const isOneof = typeof value === 'object' && value !== null && 'case' in value;
    if (!isOneof) {
      rules[name] = value;
      continue;
    }
    const { case: chosen, value: inner } = value as { case?: string; value?: unknown };
    if (chosen !== undefined) rules[chosen] = inner;
  }
  return rules;
}

function bounds({ gt, gte, lt, lte }: Record<string, unknown>): string {
  const low =
    gte === undefined ? gt !== undefined && `more than ${String(gt)}` : `at least ${String(gte)}`;
  const high =
    lte === undefined ? lt !== undefined && `less than ${String(lt)}` : `at most ${String(lte)}`;
  if (gte !== undefined && lte !== undefined) return `${String(gte)} to ${String(lte)}`;
  return [low, high].filter(Boolean).join(', ');
}

function range(what: string, least: unknown, most: unknown): string {
  const [min, max] = [Number(least ?? 0), Number(most ?? 0)];
  if (min > 0 && max > 0)
    return min === max ? `exactly ${min} ${what}` : `${min} to ${max} ${what}`;
  if (max > 0) return `at most ${max} ${what}`;
  return min > 0 ? `at least ${min} ${what}` : '';
}

const kinds: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.STRING]: 'text',
  [ScalarType.BOOL]: 'true or false',
  [ScalarType.BYTES]: 'text in base64',
  [ScalarType.DOUBLE]: 'number',
  [ScalarType.FLOAT]: 'number',
};

/** What kind of value a field takes, such as `whole number` or `map of objects`. */
export function kindText(field: DescField): string {
  if (field.fieldKind === 'list') return `list of ${elementKind(field, true)}`;
  if (field.fieldKind === 'map') return `map of ${elementKind(field, true)}`;
  return elementKind(field, false);
}

function elementKind({ message, enum: desc, scalar }: DescField, isMany: boolean): string {
  const plural = isMany ? 's' : '';
  if (message?.typeName === 'google.protobuf.Timestamp') return `time${plural}`;
  if (message?.typeName === 'google.protobuf.Duration') return `duration${plural}`;
  if (message !== undefined) return `object${plural}`;
  if (desc !== undefined) return `word${plural}`;
  const kind = scalar === undefined ? undefined : kinds[scalar];
  if (kind === undefined) return `whole number${plural}`;
  return kind === 'number' ? `number${plural}` : kind;
}
