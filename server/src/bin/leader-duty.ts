/**
 * What the server that leads does and the others don't: the loop with its drivers, OVN's northbound
 * and the agents' streams. It begins with each term and ends with it; no effect outlasts the term.
 */
import type { AgentHub } from '../api/agent-hub.js';
import type { InventoryKeeper } from '../api/inventory.js';
import { noLeader } from '../api/relay.js';
import type { Log } from '../log.js';
import type { Poke } from '../reconcile/driver.js';
import { leadershipLost } from '../store/etcd/errors.js';
import type { Lead, Term } from '../store/leadership.js';
import { measuredStore } from '../store/measured.js';
import { tracedOvsdb } from '../traced.js';
import { noTracing } from '../tracing.js';
import type { OvsdbApi } from '../wire/ovsdb/api.js';
import type { Northbound } from '../wire/ovsdb/northbound.js';
import type { DatabaseSchema } from '../wire/ovsdb/schema.js';
import type { Southbound } from '../wire/ovsdb/southbound.js';
import { type Control, type ControlOptions, startControl } from './compose-control.js';

/** What the duty works with: all of the control part but what is of one term. */
export interface LeaderDutyOptions extends Omit<ControlOptions, 'northbound' | 'southbound'> {
  readonly connectNorthbound: () => OvsdbApi<Northbound>;
  /** Undefined where nothing is to be looked at there. */
  readonly connectSouthbound?: (() => OvsdbApi<Southbound> | undefined) | undefined;
  readonly log: Log;
}

/** The duty of the server that leads. */
export class LeaderDuty {
  readonly #options: LeaderDutyOptions;
  #control: Control | undefined;

  constructor(options: LeaderDutyOptions) {
    this.#options = options;
  }

  /** The agents' streams of the present term. */
  readonly hub: Pick<AgentHub, 'serve'> = {
    serve: (...call) => this.#leading().hub.serve(...call),
  };

  /** What hosts and backends hold, as far as this server leads. */
  readonly inventory: Pick<InventoryKeeper, 'check' | 'repair'> = {
    check: async (options) => this.#leading().inventory.check(options),
    repair: async (options) => this.#leading().inventory.repair(options),
  };

  /** Keys that wait for the loop of the present term; 0 where another server leads. */
  readonly queueDepth = (): number => this.#control?.queueDepth() ?? 0;

  /** Whether a node's agent is connected to this server in the present term. */
  readonly isConnected = (nodeId: string): boolean =>
    this.#control?.hub.isConnected(nodeId) ?? false;

  /** Asks for attention to a resource, where this server leads. */
  readonly poke: Poke = (key) => this.#control?.poke(key);

  /** Begins the duty of a term. */
  readonly lead: Lead = async (term) => {
    const { context, connectNorthbound, connectSouthbound, tracing = noTracing } = this.#options;
    const northbound = tracedOvsdb(tracing, connectNorthbound());
    const store = measuredStore(term.store, this.#options);
    const { leading } = context;
    if (leading !== undefined) leading.store = store;
    const southbound = connectSouthbound?.();
    const control = startControl({
      ...this.#options,
      context: { ...context, store },
      northbound: within(term, northbound),
      southbound: southbound && within(term, tracedOvsdb(tracing, southbound)),
    });
    this.#control = control;
    return {
      stop: async () => {
        this.#control = undefined;
        if (leading?.store === store) leading.store = undefined;
        // What is under way ends in peace, unless another one may act already.
        if (!term.isValid()) northbound.close();
        await control.stop();
        northbound.close();
        southbound?.close();
      },
    };
  };

  #leading(): Control {
    if (this.#control === undefined) throw noLeader();
    return this.#control;
  }
}

/** The same database for a term: no transaction begins after it. */
function within<D extends DatabaseSchema>(term: Term, api: OvsdbApi<D>): OvsdbApi<D> {
  return {
    database: api.database,
    get connected() {
      return api.connected;
    },
    async transact(operations) {
      if (!term.isValid()) throw leadershipLost();
      return api.transact(operations);
    },
    monitor: (request) => api.monitor(request),
    onConnection: (listener) => api.onConnection(listener),
    close: () => api.close(),
  };
}
