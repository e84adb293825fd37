/**
 * The client of one OVSDB database: connects to one of several endpoints, reconnects with a
 * bounded backoff, follows tables across reconnects, and gives every request a deadline, because
 * a cluster without quorum answers reads but leaves writes hanging.
 */
import type { MonitorRequest, OperationResult, OvsdbApi, RowCache, Timers } from './api.js';
import { type Dial, parseEndpoint } from './endpoint.js';
import {
  disconnected,
  fromWireError,
  isWireError,
  malformed,
  OvsdbError,
  overloaded,
} from './errors.js';
import { Monitors } from './monitors.js';
import type { Operation } from './operations.js';
import { RowStore, type StoredRequest } from './row-cache.js';
import { type DatabaseSchema, flag, text } from './schema.js';
import { Session } from './session.js';

/** How long a transaction may take once it was sent. */
export const TRANSACT_TIMEOUT_MS = 10_000;

/** How long a request waits for a connection. */
export const CONNECTION_WAIT_MS = 10_000;

/** The shortest pause before connecting again; it doubles with each attempt that fails. */
export const RECONNECT_DELAY_MS_MIN = 100;

/** The longest pause before connecting again. */
export const RECONNECT_DELAY_MS_MAX = 5_000;

/** Requests that may wait for a connection or an answer at once. */
export const REQUESTS_MAX = 4_096;

/** What a client is made of. */
export interface OvsdbClientOptions<D extends DatabaseSchema> {
  readonly database: D;
  /** At least one, tried in turn; see `parseEndpoint`. */
  readonly endpoints: readonly string[];
  readonly dial: Dial;
  readonly timers: Timers;
}

/** Connects at once and keeps trying until `close`. Throws for a malformed endpoint. */
export function createOvsdbClient<D extends DatabaseSchema>(
  options: OvsdbClientOptions<D>,
): OvsdbApi<D> {
  for (const endpoint of options.endpoints) parseEndpoint(endpoint);
  return new OvsdbClient(options);
}

/** What every server tells about itself (ovsdb-server(7), database `_Server`). */
const serverDatabase = {
  name: '_Server',
  tables: {
    Database: { columns: { name: text, connected: flag }, isRoot: true, unique: [] },
  },
} as const satisfies DatabaseSchema;

interface Waiter {
  readonly cancelTimer: () => void;
  done(session: Session | undefined): void;
}

class OvsdbClient<D extends DatabaseSchema> implements OvsdbApi<D> {
  readonly database: D;
  private session: Session | undefined;
  private usable: Session | undefined;
  private closed = false;
  private attempts = 0;
  private failures = 0;
  private cancelReconnect: () => void = () => undefined;
  private readonly monitors = new Monitors('rows');
  private readonly serverMonitors = new Monitors('server');
  private readonly waiters = new Set<Waiter>();
  private readonly listeners = new Set<(connected: boolean) => void>();

  constructor(private readonly options: OvsdbClientOptions<D>) {
    this.database = options.database;
    const server = new RowStore(serverDatabase, { Database: ['name', 'connected'] });
    server.onChange((changes) => {
      const cutOff = changes.some(
        ({ after }) => after?.['name'] === this.database.name && after['connected'] === false,
      );
      if (cutOff) this.session?.close(new Error('the server lost its cluster'));
    });
    this.serverMonitors.add(server);
    this.connect();
  }

  get connected(): boolean {
    return this.usable !== undefined;
  }

  async transact(operations: readonly Operation[]): Promise<readonly OperationResult[]> {
    const session = await this.whenUsable();
    const answer = await new Promise<unknown>((succeeded, failed) => {
      session.call({
        method: 'transact',
        params: [this.database.name, ...operations],
        timeoutMs: TRANSACT_TIMEOUT_MS,
        succeeded,
        failed: (error) => {
          failed(error);
          // Another member may have the quorum that this one lacks.
          if (error instanceof OvsdbError && error.reason === 'OVSDB_TIMEOUT') session.close();
        },
      });
    });
    return readResults(answer, operations.length);
  }

  async monitor<const M extends MonitorRequest<D>>(request: M): Promise<RowCache<D, M>> {
    const session = await this.whenUsable();
    const store = new RowStore(this.database, request as StoredRequest);
    await new Promise<void>((succeeded, failed) => {
      const id = this.monitors.add(store);
      this.monitors.start(session, id, (error) => {
        if (error === undefined) succeeded();
        else {
          this.monitors.remove(id);
          failed(error);
        }
      });
    });
    return store as unknown as RowCache<D, M>;
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.cancelReconnect();
    this.session?.close();
    this.releaseWaiters(undefined);
  }

  private connect(): void {
    const { endpoints, dial, timers } = this.options;
    const endpoint = endpoints[this.attempts % endpoints.length];
    if (endpoint === undefined) throw new TypeError('an OVSDB client needs an endpoint');
    this.attempts += 1;
    const session: Session = new Session(dial, endpoint, timers, {
      opened: () => this.opened(session),
      notified: (method, params) => {
        this.serverMonitors.notified(method, params);
        this.monitors.notified(method, params);
      },
      closed: () => this.lost(),
    });
    this.session = session;
  }

  /** A server too old to have `_Server` refuses the first monitors: it is used all the same. */
  private opened(session: Session): void {
    this.serverMonitors.startAll(session, () => {
      this.monitors.startAll(session, (error) => {
        if (error === undefined && session.isOpen) this.use(session);
        else session.close(error);
      });
    });
  }

  private use(session: Session): void {
    this.failures = 0;
    this.usable = session;
    this.releaseWaiters(session);
    for (const listener of this.listeners) listener(true);
  }

  private lost(): void {
    const wasUsable = this.usable !== undefined;
    this.usable = undefined;
    if (wasUsable) for (const listener of this.listeners) listener(false);
    if (this.closed) return;
    const delayMs = Math.min(RECONNECT_DELAY_MS_MIN * 2 ** this.failures, RECONNECT_DELAY_MS_MAX);
    this.failures += 1;
    this.cancelReconnect = this.options.timers.after(delayMs, () => this.connect());
  }

  private async whenUsable(): Promise<Session> {
    if (this.closed) throw disconnected();
    const waiting = this.waiters.size + (this.session?.waiting ?? 0);
    if (waiting >= REQUESTS_MAX) throw overloaded(REQUESTS_MAX);
    if (this.usable) return this.usable;
    const session = await new Promise<Session | undefined>((done) => {
      const cancelTimer = this.options.timers.after(CONNECTION_WAIT_MS, () => {
        this.waiters.delete(waiter);
        done(undefined);
      });
      const waiter: Waiter = { cancelTimer, done };
      this.waiters.add(waiter);
    });
    if (!session) throw disconnected();
    return session;
  }

  private releaseWaiters(session: Session | undefined): void {
    for (const { cancelTimer, done } of this.waiters) {
      cancelTimer();
      done(session);
    }
    this.waiters.clear();
  }
}

function readResults(answer: unknown, operations: number): readonly OperationResult[] {
  if (!Array.isArray(answer)) throw malformed('the answer to a transaction is no array');
  const failed = answer.findIndex(isWireError);
  const error: unknown = answer[failed];
  if (isWireError(error)) throw fromWireError(error, failed < operations ? failed : undefined);
  if (answer.length < operations) {
    throw malformed(`${answer.length} results of ${operations} operations`);
  }
  return answer.slice(0, operations).map((result: unknown) => {
    const { uuid, ...rest } = (result ?? {}) as Readonly<Record<string, unknown>>;
    return Array.isArray(uuid) ? { ...rest, uuid: String(uuid[1]) } : rest;
  });
}
