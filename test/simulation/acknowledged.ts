/**
 * What the control plane has acknowledged to clients, and so has to keep: for each resource the
 * versions of its intent that may be stored: the one that was acknowledged last, and those that
 * were asked for since without an answer.
 */
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';

interface Promised {
  readonly type: string;
  possible: Set<string>;
  deletion: 'none' | 'asked' | 'acknowledged';
}

/** What was acknowledged. */
export class Acknowledged {
  readonly #promised = new Map<string, Promised>();

  /** A write was acknowledged. */
  written(type: string, id: string, resource: AnyResource): void {
    const deletion = this.#promised.get(id)?.deletion ?? 'none';
    this.#promised.set(id, { type, possible: new Set([intentOf(type, resource)]), deletion });
  }

  /** A change was asked for. */
  attempted(id: string, resource: AnyResource): void {
    const promised = this.#promised.get(id);
    promised?.possible.add(intentOf(promised.type, resource));
  }

  /** A deletion was asked for. */
  deleting(id: string): void {
    const promised = this.#promised.get(id);
    if (promised?.deletion === 'none') promised.deletion = 'asked';
  }

  /** A deletion was acknowledged. */
  deleted(id: string): void {
    const promised = this.#promised.get(id);
    if (promised !== undefined) promised.deletion = 'acknowledged';
  }

  /** What of it doesn't hold, where the resources are as `find` has them. */
  broken(find: (type: string, id: string) => AnyResource | undefined): readonly string[] {
    return [...this.#promised].flatMap(([id, promised]) => {
      const fault = faultOf(promised, find(promised.type, id));
      return fault === undefined ? [] : [`${promised.type} ${id} ${fault}`];
    });
  }
}

function faultOf(
  { type, possible, deletion }: Promised,
  resource: AnyResource | undefined,
): string | undefined {
  if (resource === undefined) {
    return deletion === 'none' ? 'was acknowledged and is gone' : undefined;
  }
  if (resource.deletionRequestedAt !== undefined) return undefined;
  if (deletion === 'acknowledged') return 'was deleted, and is as if it was not';
  return possible.has(intentOf(type, resource))
    ? undefined
    : 'has neither what was acknowledged nor what was asked for since';
}

const intents = new WeakMap<AnyResource, string>();

/** What a user wrote, as text. What is stored is never changed, so it is made once. */
function intentOf(type: string, resource: AnyResource): string {
  let intent = intents.get(resource);
  if (intent === undefined) {
    intent = writtenIn(type, resource);
    intents.set(resource, intent);
  }
  return intent;
}

function writtenIn(typeName: string, { labels, spec }: AnyResource): string {
  const { spec: message } = contractTypes.get(typeName);
  const bytes = spec === undefined ? new Uint8Array() : toBinary(message, spec);
  return `${JSON.stringify(labels)} ${Buffer.from(bytes).toString('base64')}`;
}
