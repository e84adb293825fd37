/**
 * Single daemons of a lab, killed like a crash and started again: what tests of faults do to
 * libvirtd, Open vSwitch and OVN.
 */
import { join } from 'node:path';
import {
  type CentralDaemon,
  centralDaemons,
  findCentralDaemon,
  startCentralDaemon,
} from './central.js';
import { labError } from './error.js';
import { enterNode, findNode, requireInit } from './node.js';
import { type NodeDaemon, nodeDaemons, nodePidFiles } from './node-files.js';
import { isAlive, runProgram, signal, waitFor } from './process.js';
import type { LabState } from './state.js';

/** Where the databases and northd are, in place of a host's name. */
export const centralName = 'central';

const killTimeoutMs = 5_000;

/** Kills a daemon with KILL; throws when it does not run. */
export async function killDaemon(state: LabState, where: string, daemon: string): Promise<void> {
  if (where !== centralName) {
    const init = requireInit(state, where);
    const pidFile = nodePidFiles[asDaemon<NodeDaemon>(nodeDaemons, daemon)];
    const gone = 'while [ -e /proc/$p ]; do sleep 0.02; done';
    const kill = `p=$(cat ${pidFile}) && kill -KILL $p && ${gone}`;
    await runProgram(enterNode(init, ['sh', '-c', kill]));
    return;
  }
  const ref = findCentralDaemon(state.layout.central, asDaemon(centralDaemons, daemon));
  if (ref === undefined || !signal(ref, 'SIGKILL')) throw labError(`${daemon} does not run`);
  await waitFor(`end of ${daemon}`, killTimeoutMs, () => (isAlive(ref) ? undefined : true));
}

/** Starts a daemon again; returns when it is ready. */
export async function startDaemon(state: LabState, where: string, daemon: string): Promise<void> {
  if (where === centralName) {
    await startCentralDaemon(state, asDaemon<CentralDaemon>(centralDaemons, daemon));
    return;
  }
  const init = requireInit(state, where);
  const script = join(findNode(state, where).dir, 'daemon.sh');
  await runProgram(enterNode(init, ['sh', script, asDaemon<NodeDaemon>(nodeDaemons, daemon)]));
}

function asDaemon<T extends string>(known: readonly T[], daemon: string): T {
  const found = known.find((name) => name === daemon);
  if (found === undefined) throw labError(`no daemon '${daemon}' there: ${known.join(', ')}`);
  return found;
}
