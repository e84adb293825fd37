/**
 * What a plan says of the changes that disturb what runs: a warning that lists them for each
 * resource, and errors for those that cost more than the user allows. Pure.
 */
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { allowDisruptionName, disruptionWords } from '../schema/own-attributes.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { pathText } from '../value/path.js';
import {
  isList,
  isNumber,
  isObject,
  isUnknown,
  numberText,
  type ObjectValue,
  type Value,
} from '../value/value.js';
import type { Change } from './changes.js';
import { type Diagnostic, problem, warning } from './diagnostic.js';

/** What is to be judged. */
export interface DisruptionQuestion {
  readonly shape: ResourceShape;
  readonly changed: readonly Change[];
  /** The resource as it is planned. */
  readonly planned: ObjectValue;
  /** The most that the provider's configuration allows; undefined for all. */
  readonly providerLimit: Disruption | undefined;
}

/** What to tell of the changes' disruption. A replacement shows in the plan without a warning. */
export function disruptionDiagnostics(question: DisruptionQuestion): Diagnostic[] {
  const costly = question.changed.filter((change) => costOf(change) > Disruption.LIVE);
  const { limit, where } = limitOf(question);
  const refused = costly.filter((change) => limit !== undefined && costOf(change) > limit);
  if (refused.length > 0) {
    return refused.map((change) => {
      const detail =
        `${line(question.shape, change)}; ${where} = "${wordOf(limit)}" allows no more than what ` +
        `${allowance[limit ?? Disruption.LIVE]}. Give "${wordOf(costOf(change))}" to allow it`;
      return problem('The change disrupts more than is allowed', detail, change.path);
    });
  }
  if (question.changed.some(({ replaces }) => replaces) || costly.length === 0) return [];
  const lines = costly.map((change) => line(question.shape, change));
  const [first] = costly;
  const name = `${question.shape.typeName} "${String(question.planned['name'])}"`;
  const detail = lines.length === 1 ? lines.join() : lines.map((text) => `- ${text}`).join('\n');
  const path = costly.length === 1 && first !== undefined ? first.path : [];
  return [warning(`Changes of ${name} disturb what runs`, detail, path)];
}

function costOf({ replaces, disruption }: Change): Disruption {
  return replaces ? Disruption.REPLACE : disruption;
}

/** The limit that holds, and how it is called; a limit that isn't known yet is judged later. */
function limitOf({ planned, providerLimit }: DisruptionQuestion): {
  limit: Disruption | undefined;
  where: string;
} {
  const own = planned[allowDisruptionName] ?? null;
  if (own === null) {
    return { limit: providerLimit, where: `the provider's ${allowDisruptionName}` };
  }
  return { limit: disruptionWords.get(String(own)), where: allowDisruptionName };
}

function wordOf(limit: Disruption | undefined): string {
  return [...disruptionWords].find(([, value]) => value === limit)?.[0] ?? '';
}

const allowance: Readonly<Record<Disruption, string>> = {
  [Disruption.UNSPECIFIED]: 'takes effect while it runs',
  [Disruption.LIVE]: 'takes effect while it runs',
  [Disruption.NEXT_BOOT]: 'waits for the next boot',
  [Disruption.RESTART]: 'restarts it',
  [Disruption.MIGRATE]: 'moves it to another node',
  [Disruption.REPLACE]: 'replaces it',
};

/** `memory.size_mib 4096 → 8192: restarts the virtual machine, if it runs`. */
function line(shape: ResourceShape, change: Change): string {
  return `${pathText(change.path)}${values(change)}: ${consequence(shape, costOf(change))}`;
}

function consequence({ message }: ResourceShape, cost: Disruption): string {
  const noun = message.name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  switch (cost) {
    case Disruption.NEXT_BOOT:
      return 'takes effect at the next boot';
    case Disruption.RESTART:
      return `restarts the ${noun}, if it runs`;
    case Disruption.MIGRATE:
      return `may move the ${noun} to another node`;
    case Disruption.REPLACE:
      return `replaces the ${noun}`;
    default:
      return 'takes effect at once';
  }
}

/** The value before and after, as far as they are short; for a map, the keys that come and go. */
function values({ before, after, attribute }: Change): string {
  if (attribute.collection === 'map' && !isUnknown(after)) {
    const [was, is] = [keysOf(before), keysOf(after)];
    const signs = [
      ...is.filter((key) => !was.includes(key)).map((key) => `+"${key}"`),
      ...was.filter((key) => !is.includes(key)).map((key) => `-"${key}"`),
    ].join(' ');
    if (signs !== '') return signs.length > shownMax ? '' : ` ${signs}`;
  }
  const [from, to] = [short(before), short(after)];
  if (from !== undefined && to !== undefined) return ` ${from} → ${to}`;
  if (before === null) return ' (added)';
  return after === null ? ' (removed)' : '';
}

const keysOf = (value: Value): string[] => (isObject(value) ? Object.keys(value) : []);

/** Longer values say less than their field's name. */
const shownMax = 60;

function short(value: Value): string | undefined {
  if (isUnknown(value)) return '(known after apply)';
  if (value === null) return '(none)';
  if (isNumber(value)) return numberText(value);
  if (isObject(value)) return undefined;
  const text = isList(value) ? listText(value) : JSON.stringify(value);
  return text === undefined || text.length > shownMax ? undefined : text;
}

function listText(items: readonly Value[]): string | undefined {
  const texts = items.map(short);
  return texts.includes(undefined) ? undefined : `[${texts.join(', ')}]`;
}
