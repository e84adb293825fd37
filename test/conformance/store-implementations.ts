/**
 * The implementations that the suite in `store.test.ts` runs against. A new one is a row here.
 */
import { join } from 'node:path';
import { openSqliteStore } from '../../server/src/store/sqlite.js';
import type { Store } from '../../server/src/store/store.js';

/** A way to get a store. */
export interface Implementation {
  readonly name: string;
  /** Opens the store in a folder; the same store again for the same folder. */
  open(
    folder: string,
    options?: { readonly historyRevisionsMax?: number; readonly eventsKeptMax?: number },
  ): Promise<Store>;
}

/** Every implementation. */
export const implementations: readonly Implementation[] = [
  {
    name: 'sqlite',
    open: async (folder, options = {}) =>
      openSqliteStore({ path: join(folder, 'store.db'), nowMs: Date.now, ...options }),
  },
];
