/**
 * Leaves out what must not pass a border: secrets on the way out, output-only fields on the way in.
 * Pure: a message is copied before it is changed, and returned as it is where there is nothing to
 * leave out.
 */
import { clone, type DescMessage, type Message } from '@bufbuild/protobuf';
import { type EncodedPaths, hasEncoded, pathsTo } from './encoded-fields.js';
import { createWalk, type Walk, writeField } from './field-access.js';
import type { AnyResource } from './resource.js';
import type { ResourceType } from './type-registry.js';

const walkSecrets = createWalk((behavior) => behavior.secret);
const walkOutputOnly = createWalk((behavior) => behavior.outputOnly);

/** The resource without its secrets: what may be answered, logged or shown. */
export function withoutSecrets<R extends AnyResource>(type: ResourceType, resource: R): R {
  return without(walkSecrets, type.message, resource);
}

const secretPaths = new WeakMap<DescMessage, EncodedPaths>();

/** Whether an encoded message has a secret: one that is set, or was set to nothing. */
export function hasEncodedSecret(desc: DescMessage, message: Uint8Array): boolean {
  let paths = secretPaths.get(desc);
  if (paths === undefined) {
    paths = pathsTo(desc, ({ secret }) => secret);
    secretPaths.set(desc, paths);
  }
  return hasEncoded(message, paths);
}

/** Any message without its secrets, such as a request. */
export function messageWithoutSecrets<M extends Message>(desc: DescMessage, message: M): M {
  return without(walkSecrets, desc, message);
}

/** The resource without what clients can't set: its status and the server's part of the header. */
export function withoutOutputOnly<R extends AnyResource>(type: ResourceType, resource: R): R {
  return without(walkOutputOnly, type.message, resource);
}

function without<M extends Message>(walk: Walk, desc: DescMessage, resource: M): M {
  let found = false;
  walk({ desc, message: resource, path: '' }, () => {
    found = true;
  });
  if (!found) return resource;
  const copy = clone(desc, resource) as M;
  walk({ desc, message: copy, path: '' }, ({ parent, field }) => {
    writeField(parent, field, undefined);
  });
  return copy;
}
