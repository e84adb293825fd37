/**
 * Logs a reconciler's failure once, however often it is tried again with the same outcome: a
 * backend that is away must not fill the log with a line for each resource and attempt. A success
 * forgets it.
 */
import type { Log } from '../log.js';
import { LimiError } from '../resource/error.js';
import type { ResourceKey } from '../resource/resource.js';

/** Keys whose failure is remembered; the oldest is forgotten, and logged again if it lasts. */
const rememberedMax = 10_000;

/** The failures that last. */
export class FailureLog {
  readonly #log: Log;
  readonly #told = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs a failure, unless the key's last one was the same. */
  failed(key: ResourceKey, generation: bigint, error: unknown): void {
    const { type, id } = key;
    const name = `${type}/${id}`;
    const text = `${generation} ${error instanceof Error ? error.message : String(error)}`;
    const isKnown = this.#told.get(name) === text;
    this.#told.delete(name);
    this.#told.set(name, text);
    const [oldest] = this.#told.keys();
    if (this.#told.size > rememberedMax && oldest !== undefined) this.#told.delete(oldest);
    if (isKnown) return;
    const fields = { type, id, generation, err: error };
    if (error instanceof LimiError && error.retryable) {
      this.#log.warn('cannot reconcile yet; trying again', fields);
    } else {
      this.#log.error('cannot reconcile', fields);
    }
  }

  /** Forgets a key's failure: it is all right again, or gone. */
  recovered(key: ResourceKey): void {
    this.#told.delete(`${key.type}/${key.id}`);
  }
}
