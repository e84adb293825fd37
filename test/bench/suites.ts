/** Everything that is measured, by suite. To add one is to add a row. */
import { benchCommands } from './commands.js';
import { benchFleet } from './fleet.js';
import { benchHandshake } from './handshake.js';
import { benchLab } from './lab.js';
import { benchNodeCurve } from './node-curve.js';
import { benchPlacement } from './placement.js';
import { benchServer } from './server.js';
import { benchVmCurve } from './vm-curve.js';

/** A suite. */
export interface Suite {
  readonly name: string;
  /** What it measures, for people. */
  readonly about: string;
  /** How long it takes on two quiet processors. */
  readonly takes: string;
  run(): Promise<void>;
}

const numbers = (name: string, otherwise: string): number[] =>
  (process.env[name] ?? otherwise).split(',').map(Number);

/** In the order in which they run. */
export const suites: readonly Suite[] = [
  {
    name: 'handshake',
    about: "the provider's start, to the line that Terraform waits for",
    takes: '10 s',
    run: benchHandshake,
  },
  {
    name: 'commands',
    about: 'processor time of starting commands: help, version, explain, get, completion',
    takes: '30 s',
    run: benchCommands,
  },
  {
    name: 'placement',
    about: 'placement among 5,000 nodes; a fleet of 1,000 machines admitted and made',
    takes: '15 s',
    run: benchPlacement,
  },
  {
    name: 'nodes',
    about: 'curve: placement against NODES=10,100,1000,5000',
    takes: '15 s',
    run: () => benchNodeCurve(numbers('NODES', '10,100,1000,5000')),
  },
  {
    name: 'server',
    about: 'writes, lists, watches and memory of the API with 100,000 machines',
    takes: '90 s',
    run: benchServer,
  },
  {
    name: 'vms',
    about: 'curve: start, memory, lists, writes and watches against VMS=100,…,100000',
    takes: '2 min',
    run: () => benchVmCurve(numbers('VMS', '100,1000,10000,100000')),
  },
  {
    name: 'fleet',
    about: 'Terraform with SIZES=100,1000 machines, as resources and as one fleet',
    takes: '14 min',
    run: () => benchFleet(numbers('SIZES', '100,1000')),
  },
  { name: 'lab', about: 'a machine on a real host (root)', takes: '1 min', run: benchLab },
];
