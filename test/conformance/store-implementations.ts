/**
 * The implementations that the suite in `store.test.ts` runs against. A new one is a row here.
 */
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../server/src/bin/effects.js';
import { openEtcdStore } from '../../server/src/store/etcd/etcd.js';
import { openSqliteStore } from '../../server/src/store/sqlite.js';
import type { Store } from '../../server/src/store/store.js';
import { Medium } from '../simulation/medium.js';
import { SimulatedStore } from '../simulation/store.js';
import { hasEtcd, RealEtcd } from './real-etcd.js';

/** A way to get a store. */
export interface Implementation {
  readonly name: string;
  /** Whether several processes may have the store open at once. */
  readonly isShared: boolean;
  /** Whether what it keeps goes with the process. */
  readonly isInMemory?: boolean;
  /** Why it can't be tried here; undefined where it can. */
  readonly missing?: string | undefined;
  /** Starts what it needs; returns what ends that. Other processes find it by the environment. */
  start?(): Promise<() => Promise<void>>;
  /** Opens the store in a folder; the same store again for the same folder. */
  open(
    folder: string,
    options?: { readonly historyRevisionsMax?: number; readonly eventsKeptMax?: number },
  ): Promise<Store>;
}

const media = new Map<string, Medium>();

/** The medium that stands for a folder. */
function mediumOf(folder: string): Medium {
  const medium = media.get(folder) ?? new Medium();
  media.set(folder, medium);
  return medium;
}

const etcdVariable = 'STORE_ETCD_ENDPOINTS';

/** Every implementation. */
export const implementations: readonly Implementation[] = [
  {
    name: 'sqlite',
    isShared: false,
    open: async (folder, options = {}) =>
      openSqliteStore({ path: join(folder, 'store.db'), nowMs: Date.now, ...options }),
  },
  {
    name: 'simulated',
    isShared: true,
    isInMemory: true,
    open: async (folder, options = {}) =>
      new SimulatedStore({ medium: mediumOf(folder), clock: systemClock, ...options }),
  },
  {
    name: 'etcd',
    isShared: true,
    missing: hasEtcd() ? undefined : 'etcd is not installed (Debian: etcd-server etcd-client)',
    async start() {
      const etcd = await RealEtcd.start({ members: 1 });
      process.env[etcdVariable] = etcd.endpoints.join(',');
      return () => etcd.stop();
    },
    open: (folder, options = {}) =>
      openEtcdStore({
        endpoints: (process.env[etcdVariable] ?? '').split(','),
        prefix: `${createHash('sha256').update(folder).digest('hex').slice(0, 12)}/`,
        nowMs: Date.now,
        timers: systemClock,
        writer: randomUUID(),
        ...options,
      }),
  },
];
