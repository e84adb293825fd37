/**
 * Gathers the transactions of many callers into few: what comes while one is under way goes
 * together in the next. A caller whose operations are refused fails alone; the others are run
 * again without it.
 */
import type { OperationResult, OvsdbApi } from '../../wire/ovsdb/api.js';
import { OvsdbError, type OvsdbReason, overloaded } from '../../wire/ovsdb/errors.js';
import type { Operation } from '../../wire/ovsdb/operations.js';
import type { DatabaseSchema } from '../../wire/ovsdb/schema.js';

/** Operations in one transaction; a caller with more gets a transaction of its own. */
export const OPERATIONS_MAX = 2_000;

/** Callers that may wait. */
export const CALLERS_MAX = 20_000;

interface Entry {
  readonly operations: readonly Operation[];
  succeeded(results: readonly OperationResult[]): void;
  failed(error: unknown): void;
}

/** One writer on a database. Row names (`uuid-name`) must be unique over all callers. */
export class Batch<D extends DatabaseSchema> {
  private readonly entries: Entry[] = [];
  private running = false;

  constructor(private readonly api: Pick<OvsdbApi<D>, 'transact'>) {}

  /** Runs a caller's operations, all or none; throws its own error only. */
  transact(operations: readonly Operation[]): Promise<readonly OperationResult[]> {
    return new Promise((succeeded, failed) => {
      if (this.entries.length >= CALLERS_MAX) {
        failed(overloaded(CALLERS_MAX));
        return;
      }
      this.entries.push({ operations, succeeded, failed });
      if (this.running) return;
      this.running = true;
      // The rest of this turn's callers go along.
      queueMicrotask(() => void this.drain());
    });
  }

  private async drain(): Promise<void> {
    while (this.entries.length > 0) await this.run(this.takeNext());
    this.running = false;
  }

  private takeNext(): Entry[] {
    let operations = 0;
    const fits = this.entries.findIndex((entry, index) => {
      operations += entry.operations.length;
      return index > 0 && operations > OPERATIONS_MAX;
    });
    return this.entries.splice(0, fits === -1 ? this.entries.length : fits);
  }

  private async run(entries: readonly Entry[]): Promise<void> {
    try {
      const results = await this.api.transact(entries.flatMap(({ operations }) => operations));
      let at = 0;
      for (const { operations, succeeded } of entries) {
        succeeded(results.slice(at, at + operations.length));
        at += operations.length;
      }
    } catch (error) {
      await this.runApart(entries, error);
    }
  }

  /** Each round is smaller than the last, so this ends. */
  private async runApart(entries: readonly Entry[], error: unknown): Promise<void> {
    if (entries.length < 2 || !isRefusal(error)) {
      for (const { failed } of entries) failed(error);
      return;
    }
    const culprit = culpritOf(entries, error);
    if (culprit === undefined) {
      const middle = Math.ceil(entries.length / 2);
      await this.run(entries.slice(0, middle));
      await this.run(entries.slice(middle));
      return;
    }
    culprit.failed(error);
    await this.run(entries.filter((entry) => entry !== culprit));
  }
}

/** After these nobody knows what happened, or nothing will in a second attempt. */
const unclear: ReadonlySet<OvsdbReason> = new Set([
  'OVSDB_UNAVAILABLE',
  'OVSDB_DISCONNECTED',
  'OVSDB_TIMEOUT',
  'OVSDB_OVERLOADED',
  'OVSDB_MALFORMED',
]);

/** Whether the server looked at the operations and did none of them. */
function isRefusal(error: unknown): error is OvsdbError {
  return error instanceof OvsdbError && !unclear.has(error.reason);
}

/** Whose operation was refused; undefined when the commit as a whole was. */
function culpritOf(entries: readonly Entry[], error: OvsdbError): Entry | undefined {
  if (error.operation === undefined) return undefined;
  let end = 0;
  for (const entry of entries) {
    end += entry.operations.length;
    if (error.operation < end) return entry;
  }
  return undefined;
}
