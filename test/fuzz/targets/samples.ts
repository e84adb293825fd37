/** Resources that are made by chance, and input that says of which type it is. */
import { Fuzz } from '../../../proto/src/validation/check-testing.js';
import type { AnyResource } from '../../../server/src/resource/resource.js';
import { contractTypes, type ResourceType } from '../../../server/src/resource/type-registry.js';
import { Random, seedOf } from '../random.js';
import { Outside } from '../target.js';

const { types } = contractTypes;

/** A resource with some of what it can have, some of it against the rules. */
export function resourceOf(type: ResourceType, random: Random): AnyResource {
  const made = new Fuzz(() => random.unit()).message(type.message) as AnyResource;
  return Object.assign(made, { name: random.text(), projectId: 'default' });
}

/** The type that the first line names, and the rest. */
export function typed(input: Uint8Array): { readonly type: ResourceType; readonly text: string } {
  const whole = Buffer.from(input).toString('utf8');
  const [, name = '', text = ''] = /^([^\n]*)\n?([\s\S]*)$/.exec(whole) ?? [];
  const type = contractTypes.find(name) ?? types[seedOf(name) % types.length];
  if (type === undefined) throw new Outside('there is no type');
  return { type, text };
}

/** The same the other way. */
export const under = (type: ResourceType, text: string): Uint8Array =>
  Buffer.from(`${type.type}\n${text}`);

const samplesOfType = 4;
const samples = new Map<ResourceType, readonly AnyResource[]>();

/** Some resources of a type, always the same. */
export function samplesOf(type: ResourceType): readonly AnyResource[] {
  const known = samples.get(type);
  if (known !== undefined) return known;
  const random = new Random(seedOf('samples', type.type));
  const made = Array.from({ length: samplesOfType }, () => resourceOf(type, random));
  samples.set(type, made);
  return made;
}
