/** How people ask for some of all resources: filters, and selectors of labels. */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { parseFilter } from '../../../server/src/api/filter.js';
import { selectorTerms } from '../../../server/src/bin/words/selector.js';
import { LimiError } from '../../../server/src/resource/error.js';
import { contractTypes, type ResourceType } from '../../../server/src/resource/type-registry.js';
import { Random, seedOf } from '../random.js';
import { holds, Outside, type Target } from '../target.js';
import { samplesOf, typed, under } from './samples.js';

const { types } = contractTypes;
const isOurs = (error: unknown): boolean => error instanceof LimiError;

const filterCharactersMax = 1_024;

/** Runs a filter over samples; refuses first what the contract's rules refuse. */
function runFilter(type: ResourceType, filter: string): number {
  if ([...filter].length > filterCharactersMax) throw new Outside('the filter is too long');
  const passes = parseFilter(type, { filter, projectId: '' }, 'list');
  return samplesOf(type).filter((resource) => passes?.(resource) ?? true).length;
}

const expressions = [
  ...['spec.cpu.cores > 4', 'name.startsWith("web")', 'labels["app"] == "web"', '"app" in labels'],
  ...['name.matches("^(a+)+$")', 'labels.exists(k, k == "a")', 'size(name) > 3', 'has(spec.cpu)'],
  ...['labels.map(k, k + k).size() > 2', 'created_at < timestamp("2026-01-31T00:00:00Z")', '!true'],
  ...[
    '[1, 2, 3].all(x, x > 0)',
    '{"a": 1}.a == 1',
    'name == b"x"',
    'true ? false : true',
    '-1 < 1u',
  ],
  ...[
    '[1,2,3].map(a,[1,2,3].map(b,[1,2,3].map(c,a+b+c)))',
    'type(name) == string',
    'dyn(1) == 1.0',
  ],
];

const filter: Target = {
  name: 'filter',
  isText: true,
  words: [
    ...[
      ' AND ',
      '=',
      '==',
      '!=',
      '"',
      "'",
      '(',
      ')',
      '[',
      ']',
      '&&',
      '||',
      '!',
      '-',
      '.',
      ',',
      '?',
      ':',
    ],
    ...[
      'labels.',
      'status.phase',
      'spec.',
      'in',
      'has(',
      '.all(x, ',
      '.map(x, ',
      'matches(',
      '(a*)*$',
    ],
    ...[
      '9223372036854775807',
      '1e308',
      '0x',
      'u',
      'r"',
      '"""',
      '\\u0000',
      'timestamp(',
      'duration("',
    ],
    ...[
      '__proto__',
      'constructor',
      'resource',
      'google.protobuf.Struct{}',
      'a{1000}',
      '.exists_one(',
    ],
    ...['int("x")', '/ 0', '% 0', 'bytes(', ' ', '\t', '\n', ...expressions],
  ],
  bytesMax: 2_048,
  // An expression may take 10,000 steps for each resource, and each may make a list.
  freeBytes: 96 * 1024 ** 2,
  make(random) {
    const type = random.pick(types);
    const terms = random.many(4, () => {
      const simple = `${random.pick(['name', 'labels.app', 'project_id'])}=${random.text()}`;
      return random.chance(0.5) ? simple : random.pick(expressions);
    });
    return under(type, terms.join(' AND '));
  },
  run(input) {
    const { type, text } = typed(input);
    return runFilter(type, text);
  },
  isRefusal: isOurs,
};

/** What a requirement of labels asks for. */
interface Requirement {
  readonly key: string;
  readonly operator: '=' | '!=' | 'in' | 'notin' | 'is' | 'isnt';
  readonly values: readonly string[];
}

const keys = ['app', 'tier', 'a.b/c', 'old'];
const labelled = ['', 'web', 'db', 'x y', 'a"b', "it's", 'a AND b', '\\', 'ü'];

/** Requirements of labels: as text, or as JSON that says what they mean. */
const selector: Target = {
  name: 'selector',
  isText: true,
  words: ['=', '==', '!=', '!', ',', '(', ')', ' in ', ' notin ', '"', ' AND ', 'app', 'tier', ' '],
  bytesMax: 2_048,
  make(random) {
    const requirements = random.many(4, (): Requirement => {
      const operator = random.pick(['=', '!=', 'in', 'notin', 'is', 'isnt'] as const);
      const values = Array.from({ length: random.between(1, 3) }, () => random.pick(labelled));
      return { key: random.pick(keys), operator, values };
    });
    const text = JSON.stringify(requirements);
    return Buffer.from(random.chance(0.5) ? text : requirements.map(textOf).join(','));
  },
  run(input) {
    const text = Buffer.from(input).toString('utf8');
    const requirements = requirementsIn(text);
    const type = contractTypes.get('vm');
    const terms = selectorTerms(requirements?.map(textOf).join(',') ?? text);
    const whole = terms.join(' AND ');
    if ([...whole].length > filterCharactersMax || terms.length > 16) throw new Outside('too long');
    let passes: ReturnType<typeof parseFilter>;
    try {
      passes = parseFilter(type, { filter: whole, projectId: '' }, 'list');
    } catch (error) {
      // A value that is full of brackets is more than the parser of expressions takes.
      if (/brackets in brackets/.test(String(error))) throw error;
      throw new Error(`its terms are refused: ${whole}`, { cause: error });
    }
    const random = new Random(seedOf(text));
    for (let i = 0; i < 8; i += 1) {
      const labels = Object.fromEntries(
        keys.filter(() => random.chance(0.6)).map((key) => [key, random.pick(labelled)]),
      );
      const passed =
        passes?.({ ...samplesOf(type)[0], labels } as unknown as VirtualMachine) ?? true;
      if (requirements === undefined) continue;
      const wanted = requirements.every((one) => meets(labels, one));
      holds(passed === wanted, `${passed} for ${JSON.stringify(labels)} by ${whole}`);
    }
    return terms;
  },
  isRefusal: isOurs,
};

function textOf({ key, operator, values }: Requirement): string {
  if (operator === 'is') return key;
  if (operator === 'isnt') return `!${key}`;
  const [first = ''] = values;
  if (operator === '=' || operator === '!=') return `${key}${operator}${first}`;
  return `${key} ${operator} (${values.join(', ')})`;
}

/** As kubectl takes them: what has no such label is not one of the values. */
function meets(labels: Record<string, string>, { key, operator, values }: Requirement): boolean {
  const value = labels[key];
  const isIn = (among: readonly string[]): boolean => value !== undefined && among.includes(value);
  if (operator === 'is') return value !== undefined;
  if (operator === 'isnt') return value === undefined;
  if (operator === '=') return isIn(values.slice(0, 1));
  if (operator === '!=') return !isIn(values.slice(0, 1));
  return isIn(values) === (operator === 'in');
}

/** The requirements that JSON says; undefined for text that is none. */
function requirementsIn(text: string): Requirement[] | undefined {
  try {
    const parsed = JSON.parse(text) as Requirement[];
    const isValid = (one: Requirement): boolean =>
      keys.includes(one.key) &&
      Array.isArray(one.values) &&
      one.values.length > 0 &&
      one.values.every((value) => labelled.includes(value));
    if (!Array.isArray(parsed) || !parsed.every(isValid)) return undefined;
    const operators = new Set(['=', '!=', 'in', 'notin', 'is', 'isnt']);
    return parsed.every(({ operator }) => operators.has(operator)) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** What people ask by that is fuzzed. */
export const filterTargets: readonly Target[] = [filter, selector];
