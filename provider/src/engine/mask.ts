/**
 * Which fields an update names: exactly those that differ, as deep as messages go on both sides. A
 * list and a map are changed as a whole.
 */
import { create, type DescField, type DescMessage, equals, type Message } from '@bufbuild/protobuf';
import { isTextMessage } from '../schema/message-shape.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Attribute } from '../schema/shape.js';
import { isObject, type ObjectValue, sameValue } from '../value/value.js';
import { getField, setField } from './fields.js';
import { resourceToMessage } from './to-message.js';

/** The update mask that leads from one state to the other, secrets with a new version included. */
export function updateMask(
  shape: ResourceShape,
  before: ObjectValue,
  after: ObjectValue,
): string[] {
  const a = resourceToMessage(shape, before).message;
  const b = resourceToMessage(shape, after).message;
  const paths = differences(shape.message, a, b, '');
  const secrets = secretsToSend(shape.spec.attributes, before, after, `${shape.specField.name}.`);
  const covered = (path: string): boolean =>
    paths.some((other) => path === other || path.startsWith(`${other}.`));
  return [...paths, ...secrets.filter((path) => !covered(path))];
}

function differences(desc: DescMessage, a: Message, b: Message, prefix: string): string[] {
  const unset: string[] = [];
  const set: string[] = [];
  for (const field of desc.fields) {
    const path = prefix + field.name;
    const [before, after] = [getField(a, field), getField(b, field)];
    if (before === undefined && after === undefined) continue;
    if (after === undefined) {
      unset.push(path);
    } else if (before !== undefined && field.fieldKind === 'message') {
      if (isTextMessage(field.message)) {
        if (!sameField(desc, field, before, after)) set.push(path);
      } else {
        set.push(...differences(field.message, before as Message, after as Message, `${path}.`));
      }
    } else if (before === undefined || !sameField(desc, field, before, after)) {
      set.push(path);
    }
  }
  // Of a group of alternatives, the old one is removed before the new one is set.
  return [...unset, ...set];
}

function sameField(desc: DescMessage, field: DescField, before: unknown, after: unknown): boolean {
  const [a, b] = [create(desc), create(desc)];
  setField(a, field, before);
  setField(b, field, after);
  return equals(desc, a, b);
}

/** The paths of secrets whose version changed; a secret inside a map stands for the whole map. */
function secretsToSend(
  attributes: readonly Attribute[],
  before: ObjectValue,
  after: ObjectValue,
  prefix: string,
): string[] {
  return attributes.flatMap((attribute): string[] => {
    const { field, role, element, collection, name } = attribute;
    if (field === undefined) return [];
    const [a, b] = [before[name] ?? null, after[name] ?? null];
    const path = prefix + field.name;
    if (role === 'secret_version') return sameValue(a, b) ? [] : [path];
    if (typeof element === 'string' || !isObject(a) || !isObject(b)) return [];
    if (collection === 'one') return secretsToSend(element.attributes, a, b, `${path}.`);
    const changed = Object.keys(b).some((key) => {
      const [itemA, itemB] = [a[key], b[key]];
      if (!isObject(itemA) || !isObject(itemB)) return false;
      return secretsToSend(element.attributes, itemA, itemB, '').length > 0;
    });
    return changed ? [path] : [];
  });
}
