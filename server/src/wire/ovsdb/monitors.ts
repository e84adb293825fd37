/**
 * The monitors of one client: starts them on each new session, by `monitor_cond` or, on a server
 * that does not know it, by `monitor` (RFC 7047 §4.1.5), and routes updates to their caches.
 */
import { OvsdbError } from './errors.js';
import type { RowStore } from './row-cache.js';
import type { Session } from './session.js';

/** How long the server may take to send the first rows. */
export const MONITOR_TIMEOUT_MS = 30_000;

/** Called once with the error, or without one when the first rows are in the cache. */
export type Started = (error?: unknown) => void;

/** The caches that follow one database server. */
export class Monitors {
  private readonly stores = new Map<string, RowStore>();
  private made = 0;

  /** `prefix` keeps the ids of several sets on one session apart. */
  constructor(private readonly prefix: string) {}

  /** Adds a cache; it is filled by `start`, now or with the next session. */
  add(store: RowStore): string {
    this.made += 1;
    const id = `${this.prefix}-${this.made}`;
    this.stores.set(id, store);
    return id;
  }

  remove(id: string): void {
    this.stores.delete(id);
  }

  /** Starts every monitor; `started` is called once, with the first error if there is one. */
  startAll(session: Session, started: Started): void {
    let left = this.stores.size;
    let failed = false;
    for (const id of this.stores.keys()) {
      this.start(session, id, (error) => {
        if (failed) return;
        left -= 1;
        failed = error !== undefined;
        if (failed || left === 0) started(error);
      });
    }
    if (left === 0 && this.stores.size === 0) started();
  }

  /** Asks the server for the rows of one monitor, now and from now on. */
  start(session: Session, id: string, started: Started): void {
    this.request(session, id, {
      conditional: true,
      started: (error) => {
        const unknown = error instanceof OvsdbError && error.reason === 'OVSDB_BAD_REQUEST';
        if (unknown) this.request(session, id, { conditional: false, started });
        else started(error);
      },
    });
  }

  /** Takes a notification of the server. */
  notified(method: string, params: readonly unknown[]): void {
    if (method !== 'update' && method !== 'update2') return;
    const [id, updates] = params;
    if (typeof id === 'string') this.stores.get(id)?.apply(updates);
  }

  private request(
    session: Session,
    id: string,
    { conditional, started }: { conditional: boolean; started: Started },
  ): void {
    const store = this.stores.get(id);
    if (!store) return;
    const tables = Object.entries(store.request).map(([table, columns]) => {
      const wanted = { columns };
      return [table, conditional ? [wanted] : wanted];
    });
    session.call({
      method: conditional ? 'monitor_cond' : 'monitor',
      params: [store.database.name, id, Object.fromEntries(tables)],
      timeoutMs: MONITOR_TIMEOUT_MS,
      succeeded: (rows) => {
        try {
          store.reset(rows);
        } catch (error) {
          // Who waits for the first rows must hear of it as well as the session, which ends.
          started(error);
          throw error;
        }
        started();
      },
      failed: started,
    });
  }
}
