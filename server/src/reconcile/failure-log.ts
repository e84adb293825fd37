/**
 * Logs what the loop does. A failure once, however often it is tried again with the same outcome: a
 * backend that is away must not fill the log with a line for each resource and attempt. A success
 * forgets it. Each line says which resource it is about, the operation that works on it, and the
 * trace of the change that the work comes from.
 */
import { traceIdOf } from '@limiquantix/proto/trace/traceparent.js';
import { operationOn } from '../decide/operation.js';
import type { Log, LogFields } from '../log.js';
import { LimiError } from '../resource/error.js';
import { nameOf } from '../resource/key-name.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, ResourceKey } from '../resource/resource.js';

/** Keys whose failure is remembered; the oldest is forgotten, and logged again if it lasts. */
const rememberedMax = 10_000;

/** What the loop works on. */
export interface Subject {
  readonly key: ResourceKey;
  readonly resource: Pick<AnyResource, 'name' | 'generation'>;
  /** The W3C trace context of the change that the work comes from; empty for none. */
  readonly cause: string;
}

/** The failures that last. */
export class FailureLog {
  readonly #log: Log;
  readonly #lookup: Pick<Lookup, 'list'>;
  readonly #told = new Map<string, string>();

  constructor(log: Log, lookup: Pick<Lookup, 'list'>) {
    this.#log = log;
    this.#lookup = lookup;
  }

  /** Logs what is done for a resource. */
  acted(subject: Subject, actions: readonly string[]): void {
    // To find the operation takes a look at all of them.
    if (this.#log.isDebug !== true) return;
    this.#log.debug('reconciling', { ...this.#fieldsOf(subject), actions });
  }

  /** Logs a failure, unless the key's last one was the same. */
  failed(subject: Subject, error: unknown): void {
    const { key, resource } = subject;
    const name = nameOf(key);
    const text = `${resource.generation} ${error instanceof Error ? error.message : String(error)}`;
    const isKnown = this.#told.get(name) === text;
    this.#told.delete(name);
    this.#told.set(name, text);
    const [oldest] = this.#told.keys();
    if (this.#told.size > rememberedMax && oldest !== undefined) this.#told.delete(oldest);
    if (isKnown) return;
    const fields = { ...this.#fieldsOf(subject), err: error };
    if (error instanceof LimiError && error.retryable) {
      this.#log.warn('cannot reconcile yet; trying again', fields);
    } else {
      this.#log.error('cannot reconcile', fields);
    }
  }

  /** Forgets a key's failure: it is all right again, or gone. */
  recovered(key: ResourceKey): void {
    this.#told.delete(nameOf(key));
  }

  #fieldsOf({ key, resource, cause }: Subject): LogFields {
    const { name, generation } = resource;
    const operationId = operationOn(key, this.#lookup);
    const traceId = traceIdOf(cause);
    return {
      ...key,
      name,
      generation,
      ...(operationId !== '' && { operationId }),
      ...(traceId !== '' && { traceId }),
    };
  }
}
