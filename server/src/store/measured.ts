/** A store that tells how its commits end and how long they take. */
import type { Telemetry } from '../telemetry.js';
import type { Store } from './store.js';

/** The same store, measured. */
export function measuredStore(store: Store, telemetry: Telemetry): Store {
  return {
    get: (key) => store.get(key),
    list: (options) => store.list(options),
    watch: (options) => store.watch(options),
    isRecent: (revision) => store.isRecent(revision),
    revision: () => store.revision(),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
    async commit(transaction) {
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
    },
  };
}
