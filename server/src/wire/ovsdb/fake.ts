/**
 * An in-memory ovsdb-server with one database: transactions, monitors and sessions, behaving as
 * ovsdb-server 3.1 was seen to (the conformance suite runs against both). The real client talks
 * to it through a channel of messages, so reconnects, deadlines and caches are the real ones.
 */
import type { OvsdbApi, Timers } from './api.js';
import { createOvsdbClient } from './client.js';
import type { Channel, ChannelEvents, Dial } from './endpoint.js';
import type { WireError } from './errors.js';
import { FakeMonitor } from './fake-monitor.js';
import { runOperation } from './fake-operations.js';
import { FakeTable, linkTables } from './fake-table.js';
import { FakeTransaction } from './fake-transaction.js';
import { Refusal } from './fake-values.js';
import type { Operation } from './operations.js';
import type { DatabaseSchema } from './schema.js';

/** What goes wrong with the next transaction. */
export type Fault =
  /** The server answers with an error and does nothing. */
  | { readonly kind: 'refuse'; readonly error: WireError }
  /** The connection breaks before the transaction is done. */
  | { readonly kind: 'lose-request' }
  /** The connection breaks after it is done: the client cannot know. */
  | { readonly kind: 'lose-answer' }
  /** No answer ever comes, as without quorum. */
  | { readonly kind: 'hang' };

/** How a fake is made. */
export interface FakeOvsdbOptions<D extends DatabaseSchema> {
  readonly database: D;
  /** Where row ids come from: seeded, so that a run repeats. */
  readonly newUuid: () => string;
  /** False for a server that knows only RFC 7047's own `monitor`. */
  readonly conditionalMonitors?: boolean;
}

/** The fake server. */
export class FakeOvsdb<D extends DatabaseSchema> {
  readonly database: D;
  private readonly tables = new Map<string, FakeTable>();
  private readonly sessions = new Set<FakeSession<D>>();
  private readonly faults: Fault[] = [];
  private reachable = true;

  constructor(readonly options: FakeOvsdbOptions<D>) {
    this.database = options.database;
    for (const [name, schema] of Object.entries(options.database.tables)) {
      this.tables.set(name, new FakeTable(name, schema));
    }
    linkTables(this.tables);
  }

  /** A new client, as the real one makes it. */
  connect(timers: Timers): OvsdbApi<D> {
    const { database } = this;
    return createOvsdbClient({ database, endpoints: ['unix:fake'], dial: this.dial, timers });
  }

  /** Opens a channel to this server; for a client with endpoints of its own. */
  readonly dial: Dial = (_endpoint, events) => {
    const session = new FakeSession(this, events);
    queueMicrotask(() => {
      if (!this.reachable) {
        session.end();
        return;
      }
      this.sessions.add(session);
      events.opened();
    });
    return session;
  };

  /** The next transaction of any client meets this; faults queue up. */
  failNext(fault: Fault): void {
    this.faults.push(fault);
  }

  /** Breaks every connection, as a crash of the server does. */
  disconnect(): void {
    for (const session of [...this.sessions]) session.end();
  }

  /** While false, connections are broken and none can be made. */
  setReachable(reachable: boolean): void {
    this.reachable = reachable;
    if (!reachable) this.disconnect();
  }

  /** Rows in a table. */
  count(table: keyof D['tables'] & string): number {
    return this.tables.get(table)?.rows.size ?? 0;
  }

  /** Takes the next fault, if one is due. */
  takeFault(): Fault | undefined {
    return this.faults.shift();
  }

  /** Forgets a session that ended. */
  forget(session: FakeSession<D>): void {
    this.sessions.delete(session);
  }

  /** A table by name. */
  table(name: string): FakeTable | undefined {
    return this.tables.get(name);
  }

  /** Runs a transaction now and tells every monitor; results as the wire has them. */
  transact(operations: readonly Operation[]): unknown[] {
    const results: unknown[] = [];
    const names = new Map<string, string>();
    const transaction = new FakeTransaction();
    const { newUuid } = this.options;
    const resolve = (name: string): string => {
      const uuid = names.get(name) ?? newUuid();
      names.set(name, uuid);
      return uuid;
    };
    const execution = {
      tables: this.tables,
      transaction,
      resolve,
      namesTaken: new Set<string>(),
      newUuid,
    };
    try {
      for (const operation of operations) results.push(runOperation(execution, operation));
      transaction.check();
    } catch (error) {
      transaction.rollBack();
      if (!(error instanceof Refusal)) throw error;
      results.push(error.answer);
      while (results.length < operations.length) results.push(null);
      return results;
    }
    for (const session of this.sessions) session.publish(transaction);
    return results;
  }
}

/** One client's conversation with the fake. */
class FakeSession<D extends DatabaseSchema> implements Channel {
  private readonly monitors = new Map<unknown, FakeMonitor>();
  private open = true;

  constructor(
    private readonly server: FakeOvsdb<D>,
    private readonly events: ChannelEvents,
  ) {}

  send(message: unknown): void {
    queueMicrotask(() => {
      if (this.open) this.receive(message as Readonly<Record<string, unknown>>);
    });
  }

  close(): void {
    this.end();
  }

  end(): void {
    if (!this.open) return;
    this.open = false;
    this.server.forget(this);
    queueMicrotask(() => this.events.closed());
  }

  /** Sends what a transaction changed to the monitors of this session. */
  publish(transaction: FakeTransaction): void {
    for (const [id, monitor] of this.monitors) {
      const updates = monitor.updates(transaction);
      if (updates) this.deliver({ id: null, method: monitor.method, params: [id, updates] });
    }
  }

  private receive({ id, method, params }: Readonly<Record<string, unknown>>): void {
    const list: readonly unknown[] = Array.isArray(params) ? params : [];
    const known = list[0] === this.server.database.name;
    if (method === 'echo') this.answer(id, list);
    else if (method === 'cancel' || method === undefined) return;
    else if (!known) this.answer(id, null, { error: 'unknown database' });
    else if (method === 'transact') this.transact(id, list.slice(1) as readonly Operation[]);
    else if (method === 'monitor') this.monitor(id, list, false);
    else if (method === 'monitor_cond' && this.server.options.conditionalMonitors !== false) {
      this.monitor(id, list, true);
    } else this.answer(id, null, { error: 'unknown method' });
  }

  private transact(id: unknown, operations: readonly Operation[]): void {
    const fault = this.server.takeFault();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'lose-request') {
      this.end();
      return;
    }
    if (fault?.kind === 'refuse') {
      this.answer(id, [fault.error]);
      return;
    }
    const results = this.server.transact(operations);
    if (fault?.kind === 'lose-answer') this.end();
    else this.answer(id, results);
  }

  private monitor(id: unknown, params: readonly unknown[], conditional: boolean): void {
    const [, monitorId, requests] = params;
    try {
      const monitor = new FakeMonitor((name) => this.server.table(name), requests, conditional);
      this.monitors.set(monitorId, monitor);
      this.answer(id, monitor.firstRows());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.answer(id, null, error.answer);
    }
  }

  private answer(id: unknown, result: unknown, error: unknown = null): void {
    this.deliver({ id, result, error });
  }

  private deliver(message: unknown): void {
    queueMicrotask(() => {
      if (this.open) this.events.received(message);
    });
  }
}
