/** A store that tells how its commits end and how long they take, and records them as spans. */
import { noTelemetry, type Telemetry } from '../telemetry.js';
import { noTracing, type Tracing } from '../tracing.js';
import type { CommitResult, Store, Transaction } from './store.js';

/** Whom to tell; nobody without it. */
export interface Measuring {
  readonly telemetry?: Telemetry | undefined;
  readonly tracing?: Tracing | undefined;
}

/** The same store, measured. */
export function measuredStore(store: Store, measuring: Measuring): Store {
  const { telemetry = noTelemetry, tracing = noTracing } = measuring;
  const measured = async (transaction: Transaction): Promise<CommitResult> => {
    const beganMs = telemetry.nowMs();
    const ended = (outcome: 'written' | 'conflict' | 'failed'): void =>
      telemetry.committed({ outcome, ms: telemetry.nowMs() - beganMs });
    try {
      const result = await store.commit(transaction);
      ended(result.ok ? 'written' : 'conflict');
      return result;
    } catch (error) {
      ended('failed');
      throw error;
    }
  };
  return {
    get: (key) => store.get(key),
    list: (options) => store.list(options),
    watch: (options) => store.watch(options),
    isRecent: (revision) => store.isRecent(revision),
    revision: () => store.revision(),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
    commit: tracing.isOn ? (transaction) => traced(tracing, transaction, measured) : measured,
  };
}

function traced(
  tracing: Tracing,
  transaction: Transaction,
  commit: (transaction: Transaction) => Promise<CommitResult>,
): Promise<CommitResult> {
  const facts = { 'limiquantix.store.writes': transaction.writes.length };
  return tracing.within({ name: 'store commit', facts }, async (span) => {
    const result = await commit(transaction);
    if (result.ok) span.add({ 'limiquantix.store.revision': Number(result.revision) });
    else span.add({ 'limiquantix.store.conflict': result.failed.kind });
    return result;
  });
}
