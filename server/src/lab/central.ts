/**
 * OVN's central part in its own network namespace: northbound and southbound database, northd,
 * and the relay through which hosts reach the control plane in the root namespace.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { CentralLayout } from './layout.js';
import { controlPlanePort } from './layout.js';
import { namespacePath } from './namespace.js';
import type { ProcessRef } from './process.js';
import { readOrUndefined, referProcess, runProgram, systemPath } from './process.js';
import type { LabState } from './state.js';

/** The daemons of the central namespace, in the order in which they start. */
export const centralDaemons = ['northbound', 'southbound', 'northd', 'relay'] as const;
/** One of the central daemons. */
export type CentralDaemon = (typeof centralDaemons)[number];

const schemas = { northbound: 'OVN_Northbound', southbound: 'OVN_Southbound' };

/** Starts everything central; returns when the databases answer. */
export async function startCentral(state: LabState): Promise<void> {
  const { central } = state.layout;
  mkdirSync(central.dir, { recursive: true });
  await Promise.all([
    startCentralDaemon(state, 'northbound'),
    startCentralDaemon(state, 'southbound'),
    startCentralDaemon(state, 'relay'),
  ]);
  await startCentralDaemon(state, 'northd');
}

/** Starts one central daemon and returns when it is ready. */
export async function startCentralDaemon(state: LabState, daemon: CentralDaemon): Promise<void> {
  const { central } = state.layout;
  if (daemon === 'relay') {
    startRelay(state);
  } else if (daemon === 'northd') {
    await runInside(central, 'ovn-northd', daemon, [
      `--ovnnb-db=unix:${central.northboundSocket}`,
      `--ovnsb-db=unix:${central.southboundSocket}`,
    ]);
  } else {
    await startDatabase(central, daemon);
  }
}

/** The process of a central daemon; undefined when it does not run. */
export function findCentralDaemon(
  central: CentralLayout,
  daemon: CentralDaemon,
): ProcessRef | undefined {
  const pid = Number(readOrUndefined(pidFile(central, daemon)) ?? 0);
  return pid > 0 ? referProcess(pid) : undefined;
}

async function startDatabase(
  central: CentralLayout,
  which: 'northbound' | 'southbound',
): Promise<void> {
  const database = join(central.dir, `${which}.db`);
  if (!existsSync(database)) {
    const schema = which === 'northbound' ? 'ovn-nb' : 'ovn-sb';
    await runProgram(['ovsdb-tool', 'create', database, `/usr/share/ovn/${schema}.ovsschema`]);
  }
  const north = which === 'northbound';
  const remote = north ? central.northboundRemote : central.southboundRemote;
  const [, address = '', port = ''] = remote.split(':');
  await runInside(central, 'ovsdb-server', which, [
    `--remote=punix:${north ? central.northboundSocket : central.southboundSocket}`,
    `--remote=ptcp:${port}:${address}`,
    `--remote=db:${schemas[which]},${north ? 'NB' : 'SB'}_Global,connections`,
    database,
  ]);
}

async function runInside(
  central: CentralLayout,
  program: string,
  daemon: CentralDaemon,
  args: readonly string[],
): Promise<void> {
  const { dir } = central;
  await runProgram([
    ...['nsenter', `--net=${namespacePath(central.namespace)}`, program],
    ...['--detach', '--no-chdir', `--pidfile=${pidFile(central, daemon)}`],
    ...[`--log-file=${join(dir, `${daemon}.log`)}`, `--unixctl=${join(dir, `${daemon}.ctl`)}`],
    '-vconsole:err',
    ...args,
  ]);
}

function startRelay(state: LabState): void {
  const { central, serverSocket } = state.layout;
  if (state.relayCommand.length === 0) return;
  const log = openSync(join(central.dir, 'relay.log'), 'a');
  const child = spawn(
    'nsenter',
    [
      `--net=${namespacePath(central.namespace)}`,
      ...state.relayCommand,
      ...['--listen', `${central.managementAddress}:${controlPlanePort}`],
      ...['--to', serverSocket, '--pid-file', pidFile(central, 'relay')],
    ],
    {
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: systemPath, LC_ALL: 'C' },
      cwd: '/',
    },
  );
  closeSync(log);
  child.unref();
}

function pidFile(central: CentralLayout, daemon: CentralDaemon): string {
  return join(central.dir, `${daemon}.pid`);
}
