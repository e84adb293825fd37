/**
 * What a state was made from: the resource's revision, and the form that states of its type have.
 * Pure.
 */
import { createHash } from 'node:crypto';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { AnyResource } from './fields.js';
import type { Origin } from './private-state.js';

/**
 * To be raised when the same resource would give another state of the same type than before, or
 * more beside it.
 */
const conversion = 2;

const forms = new WeakMap<ResourceShape, string>();

/** What a state of this resource is made from. */
export function originOf(shape: ResourceShape, { id, revision }: AnyResource): Origin {
  return { id, revision: String(revision), form: formOf(shape) };
}

/** Names the form of a type's states: another where an attribute came, went or changed its type. */
export function formOf(shape: ResourceShape): string {
  const known = forms.get(shape);
  if (known !== undefined) return known;
  const text = JSON.stringify([conversion, shape.object.type]);
  const form = createHash('sha256').update(text).digest('base64url').slice(0, 12);
  forms.set(shape, form);
  return form;
}
