/**
 * Values that break the contract's rules, one for each rule of each attribute: made from the rules
 * themselves. What a rule that is an expression refuses is in `breaking`.
 */
import { type DescField, getOption, hasOption } from '@bufbuild/protobuf';
import {
  type FieldRules,
  field as fieldOption,
  message as messageOption,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { isOneofRequired } from '../../provider/src/schema/rules.js';
import type { Attribute, ObjectShape } from '../../provider/src/schema/shape.js';
import { isObject, type ObjectValue, record, type Value } from '../../provider/src/value/value.js';

/** A value that breaks a rule. */
export interface BadValue {
  /** The rule, for the test's name. */
  readonly rule: string;
  /** From a good value of the attribute to the bad one. */
  readonly break: (good: Value) => Value;
}

/** What breaks the expressions on values, by the rule's id. */
const breakingTexts: Readonly<Record<string, string>> = {
  'cidr.ipv4': '10.0.0.7/24',
  'cidr.ipv6': 'fd00::7/64',
  'cidr.any': '10.0.0.7/24',
  'path.normal': '/var/../lib',
};

/** What breaks the expressions on objects: attributes to set in them, by the rule's id. */
const breakingObjects: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  'vm.cpu_and_memory': { cpu: null },
  'cpu.named_model': { model_name: 'EPYC', model: 'maximum' },
  'cpu.max_vcpus': { cores: 4, max_vcpus: 2 },
  'cpu.limit': { limit_mhz: 1000, reservation_mhz: 2000 },
  'cpu.features': { required_features: ['aes'], disabled_features: ['aes'] },
  'memory.max': { size_mib: 512, max_mib: 256 },
  'memory.reservation': { size_mib: 512, reservation_mib: 1024 },
  'disk_volume.source': {
    image_id: '0198c6a4-5b1e-7c3a-9d42-000000000001',
    source_volume_id: '0198c6a4-5b1e-7c3a-9d42-000000000002',
  },
  'platform.timezone': { timezone: 'Europe/Berlin', clock: 'utc' },
  'provisioning.one': { cloud_init: record(), ignition: record([['config', '{}']]) },
  'affinity.target': { vm_ids: null, vm_labels: null },
  'vm_fleet.name_pattern': { name_pattern: 'web' },
  'vm_fleet.source': { vm: record([['source', record()]]) },
  'vm_fleet.devices': {
    vm: record([['nics', record([['lan', record([['port_id', breakingId()]])]])]]),
  },
  'vm_fleet.addresses': {
    vm: record([
      [
        'nics',
        record([['lan', record([['port', record([['mac_address', '52:54:00:00:00:02']])]])]]),
      ],
    ]),
  },
  'fleet_rollout.progress': { max_unavailable: 0, max_surge: 0 },
  'vm_template.source': { vm: record([['source', record()]]) },
  'template_parameter.default': { default_value: 'b', allowed_pattern: '^a$' },
  'addresses.format': { addresses: ['nowhere'] },
  'ports.order': { first: 9, last: 8 },
  'replicas.order': { replicas: 2, replicas_min: 3 },
};

function breakingId(): string {
  return '0198c6a4-5b1e-7c3a-9d42-000000000001';
}

/** Every bad value of an attribute. Throws for an expression that nothing is known to break. */
export function badValues(attribute: Attribute): BadValue[] {
  const { field, element, collection } = attribute;
  if (field === undefined) return [];
  const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
  const missing = rules?.required === true ? [constant('required', null)] : [];
  if (collection === 'one') {
    const inner = typeof element === 'string' ? valuesOf(rules, field) : objectsOf(element);
    return [...missing, ...inner];
  }
  const { type } = rules ?? {};
  const itemRules =
    type?.case === 'repeated'
      ? type.value.items
      : type?.case === 'map'
        ? type.value.values
        : undefined;
  const items = typeof element === 'string' ? valuesOf(itemRules, field) : objectsOf(element);
  return [
    ...missing,
    ...(rules?.cel ?? []).map(({ id }) => constant(id, [breakingTexts[id] ?? unknownRule(id)])),
    ...countsOf(type),
    ...(type?.case === 'map' ? keysOf(type.value.keys) : []),
    ...items.map((bad) => ({ ...bad, break: (good: Value) => replaceFirst(good, bad.break) })),
  ];
}

/** What breaks the rules of the resource itself: those of its spec. */
export const badObjects = (shape: ObjectShape): BadValue[] => objectsOf(shape);

const constant = (rule: string, value: Value): BadValue => ({ rule, break: () => value });

function objectsOf({ message }: ObjectShape): BadValue[] {
  if (message === undefined) return [];
  const rules = hasOption(message, messageOption) ? getOption(message, messageOption).cel : [];
  const with_ = (changes: Readonly<Record<string, Value>>) => (good: Value) =>
    isObject(good) ? merged(good, changes) : good;
  return [
    ...rules.map(({ id }) => ({ rule: id, break: with_(breakingObjects[id] ?? unknownRule(id)) })),
    ...message.oneofs.filter(isOneofRequired).map((oneof) => ({
      rule: `oneof ${oneof.name}`,
      break: with_(Object.fromEntries(oneof.fields.map(({ name }) => [name, null]))),
    })),
  ];
}

function merged(good: ObjectValue, changes: Readonly<Record<string, Value>>): ObjectValue {
  const entries = Object.entries(changes).map(([name, value]): [string, Value] => {
    const before = good[name] ?? null;
    return [name, isObject(before) && isObject(value) ? merged(before, value) : value];
  });
  return record([...Object.entries(good), ...entries]);
}

function unknownRule(id: string): never {
  throw new Error(`what breaks ${id} is not known: add it to test/generated/bad-values.ts`);
}

function valuesOf(rules: FieldRules | undefined, field: DescField): BadValue[] {
  const expressed = (rules?.cel ?? []).map(({ id }) =>
    constant(id, breakingTexts[id] ?? unknownRule(id)),
  );
  if (rules?.type.case === 'string') return [...expressed, ...textsOf(rules.type.value)];
  const bounds = (rules?.type.value ?? {}) as {
    readonly greaterThan?: { readonly value?: number | bigint };
    readonly lessThan?: { readonly value?: number | bigint };
  };
  if (field.enum !== undefined) return expressed;
  const [min, max] = [bounds.greaterThan?.value, bounds.lessThan?.value];
  return [
    ...expressed,
    ...(min === undefined ? [] : [constant('min', Number(min) - 1)]),
    ...(max === undefined ? [] : [constant('max', Number(max) + 1)]),
  ];
}

function textsOf(rules: Extract<FieldRules['type'], { case: 'string' }>['value']): BadValue[] {
  const { minLen, maxLen, maxBytes, pattern, prefix, wellKnown } = rules;
  return [
    ...(minLen > 0n ? [constant('min_len', 'x'.repeat(Number(minLen) - 1))] : []),
    ...(maxLen > 0n ? [constant('max_len', 'x'.repeat(Number(maxLen) + 1))] : []),
    ...(maxBytes > 0n ? [constant('max_bytes', 'x'.repeat(Number(maxBytes) + 1))] : []),
    ...(pattern === '' ? [] : [constant('pattern', '!')]),
    ...(prefix === '' ? [] : [constant('prefix', '!')]),
    ...(wellKnown.case === undefined ? [] : [constant(wellKnown.case, 'not so')]),
  ];
}

function countsOf(type: FieldRules['type'] | undefined): BadValue[] {
  if (type?.case === 'repeated') {
    const { minItems, maxItems, unique } = type.value;
    const first = (good: Value): Value =>
      Array.isArray(good) ? ((good[0] as Value) ?? null) : good;
    const times = (count: number) => (good: Value) => Array<Value>(count).fill(first(good));
    return [
      ...(minItems > 0n ? [constant('min_items', [])] : []),
      ...(maxItems > 0n ? [{ rule: 'max_items', break: times(Number(maxItems) + 1) }] : []),
      ...(unique ? [{ rule: 'unique', break: times(2) }] : []),
    ];
  }
  if (type?.case !== 'map') return [];
  const { minPairs, maxPairs } = type.value;
  const many = (good: Value): Value => {
    const [item = null] = isObject(good) ? Object.values(good) : [];
    const count = Number(maxPairs) + 1;
    return record(Array.from({ length: count }, (_, i): [string, Value] => [`k${i}`, item]));
  };
  return [
    ...(minPairs > 0n ? [constant('min_pairs', record())] : []),
    ...(maxPairs > 0n ? [{ rule: 'max_pairs', break: many }] : []),
  ];
}

function keysOf(keys: FieldRules | undefined): BadValue[] {
  if (keys?.type.case !== 'string') return [];
  return textsOf(keys.type.value).map(({ rule, break: toBad }) => ({
    rule: `key ${rule}`,
    break: (good) => {
      const [item = null] = isObject(good) ? Object.values(good) : [];
      return record([[String(toBad('')), item]]);
    },
  }));
}

function replaceFirst(good: Value, toBad: (item: Value) => Value): Value {
  if (isObject(good)) {
    const [entry, ...rest] = Object.entries(good);
    return entry === undefined ? good : record([[entry[0], toBad(entry[1])], ...rest]);
  }
  if (!Array.isArray(good)) return good;
  const [first = null, ...rest] = good as Value[];
  return [toBad(first), ...rest];
}
