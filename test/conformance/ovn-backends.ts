/**
 * OVN for the drivers' conformance suite: the fake northbound with the fake northd, and real
 * ovsdb-servers with ovn-northd. A plug is, on the real one, what a chassis' ovn-controller
 * writes into the southbound when it takes a port.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { createDial } from '../../server/src/wire/ovsdb/endpoint.js';
import { FakeOvsdb } from '../../server/src/wire/ovsdb/fake.js';
import { startFakeNorthd } from '../../server/src/wire/ovsdb/fake-northd.js';
import { type Northbound, northbound } from '../../server/src/wire/ovsdb/northbound.js';
import { isInstalled, processTimers, schemaFiles, startRealOvsdb } from './real-ovsdb.js';

/** An OVN to test against. */
export interface OvnBackend {
  connect(): OvsdbApi<Northbound>;
  /** Lets a chassis take the port. */
  plug(portName: string): Promise<void>;
  unplug(portName: string): Promise<void>;
  stop(): Promise<void>;
}

/** Whether the real one can be had. */
export const hasRealOvn = isInstalled('ovsdb-server') && isInstalled('ovn-northd');

/** The fake. */
export async function startFakeOvn(): Promise<OvnBackend> {
  const fake = new FakeOvsdb({ database: northbound, newUuid: randomUUID });
  const connect = () => fake.connect(processTimers);
  const northd = await startFakeNorthd({ client: connect(), timers: processTimers });
  return {
    connect,
    plug: async (portName) => northd.plug(portName, 'chassis'),
    unplug: async (portName) => northd.unplug(portName, 'chassis'),
    stop: async () => northd.stop(),
  };
}

/** Two ovsdb-servers and ovn-northd, without a chassis' daemons. */
export async function startRealOvn(): Promise<OvnBackend> {
  const north = await startRealOvsdb(schemaFiles.northbound);
  const south = await startRealOvsdb(schemaFiles.southbound);
  const clients: OvsdbApi<Northbound>[] = [];
  const connect = (): OvsdbApi<Northbound> => {
    const options = { database: northbound, timers: processTimers, dial: createDial() };
    const client = createOvsdbClient({ ...options, endpoints: [north.unix] });
    clients.push(client);
    return client;
  };
  const northd: ChildProcess = spawn(
    'ovn-northd',
    [
      `--ovnnb-db=${north.unix}`,
      `--ovnsb-db=${south.unix}`,
      `--unixctl=${join(north.folder, 'northd.ctl')}`,
      `--log-file=${join(north.folder, 'northd.log')}`,
    ],
    { stdio: 'ignore' },
  );
  const sb = (...args: string[]): string =>
    execFileSync('ovn-sbctl', [`--db=${south.unix}`, '--timeout=10', ...args], {
      encoding: 'utf8',
    }).trim();
  const bind = (portName: string, ...settings: string[]): string =>
    sb('wait-until', 'Port_Binding', portName, '--', 'set', 'Port_Binding', portName, ...settings);
  let chassis = '';
  return {
    connect,
    plug: async (portName) => {
      if (chassis === '') {
        sb('chassis-add', 'one', 'geneve', '127.0.0.1');
        chassis = sb('--bare', '--columns=_uuid', 'find', 'Chassis', 'name=one');
      }
      bind(portName, `chassis=${chassis}`, 'up=true');
    },
    unplug: async (portName) => {
      sb(
        'clear',
        'Port_Binding',
        portName,
        'chassis',
        '--',
        'set',
        'Port_Binding',
        portName,
        'up=false',
      );
    },
    stop: async () => {
      for (const client of clients) client.close();
      const ended = new Promise((done) => northd.once('exit', done));
      northd.kill('SIGKILL');
      await ended;
      await north.stop();
      await south.stop();
    },
  };
}

/** A client whose `transact` fails now and then: before it does anything, or after. */
export class FaultyApi implements OvsdbApi<Northbound> {
  readonly database = northbound;
  transactions = 0;
  private faults: ('before' | 'after' | undefined)[] = [];

  constructor(
    private readonly api: OvsdbApi<Northbound>,
    private readonly fault: () => Error,
  ) {}

  get connected(): boolean {
    return this.api.connected;
  }

  /** The n-th next transaction fails. */
  failAt(index: number, when: 'before' | 'after'): void {
    this.faults = [];
    this.faults[index] = when;
  }

  transact: OvsdbApi<Northbound>['transact'] = async (operations) => {
    const fault = this.faults.shift();
    this.transactions += 1;
    if (fault === 'before') throw this.fault();
    const results = await this.api.transact(operations);
    if (fault === 'after') throw this.fault();
    return results;
  };

  monitor: OvsdbApi<Northbound>['monitor'] = (request) => this.api.monitor(request);
  onConnection: OvsdbApi<Northbound>['onConnection'] = (run) => this.api.onConnection(run);

  close(): void {
    this.api.close();
  }
}
