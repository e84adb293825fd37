/**
 * Pure: the names, addresses and paths of a lab, all derived from its name, folder and size, so
 * that every command finds the same things again. Touches nothing.
 */
import { join } from 'node:path';
import { labError } from './error.js';

/** The lab's name when none is given. */
export const defaultLabName = 'lqx';
/** The lab's folder when none is given, relative to the current one. */
export const defaultLabDir = join('.build', 'lab');
/** The most hosts of one lab; more than that is not for one machine. */
export const nodesMax = 32;
/** Lets guests have an MTU of 1500 with Geneve's 58 bytes around it. */
export const underlayMtu = 1600;
/** The port agents reach the control plane on. */
export const controlPlanePort = 7443;

const northboundPort = 6641;
/** The port of OVN's southbound database. */
export const southboundPort = 6642;
/** Longest path of a unix socket that the kernel accepts (sun_path without its final zero). */
const socketPathBytesMax = 107;

/** Where one host of the lab is. */
export interface NodeLayout {
  /** Its hostname, such as `node-1`; also its name in the lab's commands. */
  readonly name: string;
  /** From 1. */
  readonly index: number;
  readonly namespace: string;
  /** Holds its configuration, logs and everything that survives a crash. */
  readonly dir: string;
  /** For the control plane, OVN's databases and migrations. */
  readonly managementAddress: string;
  /** For Geneve. */
  readonly underlayAddress: string;
  /** Names of the links' far ends, in the central namespace. */
  readonly managementPeer: string;
  readonly underlayPeer: string;
}

/** Where OVN's central databases are, and the hub of both networks. */
export interface CentralLayout {
  readonly namespace: string;
  readonly dir: string;
  readonly managementAddress: string;
  /** Unix sockets in the root namespace's file system. */
  readonly northboundSocket: string;
  readonly southboundSocket: string;
  /** The same as hosts reach them, such as `tcp:172.30.7.254:6642`. */
  readonly northboundRemote: string;
  readonly southboundRemote: string;
}

/** Everything that a lab's name, folder and size decide. */
export interface LabLayout {
  readonly name: string;
  readonly dir: string;
  readonly central: CentralLayout;
  readonly nodes: readonly NodeLayout[];
  /** The control plane's address for agents: a relay there leads to `serverSocket`. */
  readonly endpoint: string;
  /** Where the control plane is expected to listen. */
  readonly serverSocket: string;
}

/** Lays out a lab; throws when name, folder or size cannot work. `dir` must be absolute. */
export function layOutLab(options: { name: string; dir: string; nodes: number }): LabLayout {
  const { name, dir, nodes } = options;
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(name)) {
    throw labError(`lab name '${name}' must be 1 to 20 of a-z, 0-9 and '-', with a letter first`);
  }
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > nodesMax) {
    throw labError(`a lab has 1 to ${nodesMax} nodes, not ${nodes}`);
  }
  if (/[^\w./+@%=:,-]/.test(dir)) {
    throw labError(`lab folder '${dir}' has a character that shell scripts would trip over`);
  }
  if (dir === '/run' || dir.startsWith('/run/') || dir.startsWith('/var/run/')) {
    throw labError(`lab folder '${dir}' is below /run, which each host replaces by its own`);
  }
  const octet = subnetOctet(name);
  const central = layOutCentral(name, join(dir, 'central'), octet);
  if (Buffer.byteLength(`${central.northboundSocket}.ctl`) > socketPathBytesMax) {
    throw labError(`lab folder '${dir}' is too long for the paths of its sockets: pass --dir`);
  }
  return {
    name,
    dir,
    central,
    nodes: Array.from({ length: nodes }, (_, i) =>
      layOutNode(name, join(dir, 'nodes'), octet, i + 1),
    ),
    endpoint: `https://${central.managementAddress}:${controlPlanePort}`,
    serverSocket: join(dir, 'server.sock'),
  };
}

function layOutCentral(name: string, dir: string, octet: number): CentralLayout {
  const managementAddress = `172.30.${octet}.254`;
  return {
    namespace: `${name}-central`,
    dir,
    managementAddress,
    northboundSocket: join(dir, 'nb.sock'),
    southboundSocket: join(dir, 'sb.sock'),
    northboundRemote: `tcp:${managementAddress}:${northboundPort}`,
    southboundRemote: `tcp:${managementAddress}:${southboundPort}`,
  };
}

function layOutNode(lab: string, dir: string, octet: number, index: number): NodeLayout {
  const name = `node-${index}`;
  return {
    name,
    index,
    namespace: `${lab}-${name}`,
    dir: join(dir, name),
    managementAddress: `172.30.${octet}.${index}`,
    underlayAddress: `172.31.${octet}.${index}`,
    managementPeer: `m${index}`,
    underlayPeer: `u${index}`,
  };
}

/** Labs never meet, but addresses that differ make logs of two of them easier to tell apart. */
function subnetOctet(name: string): number {
  let sum = 0;
  for (const byte of Buffer.from(name)) sum = (sum * 31 + byte) % 250;
  return sum + 1;
}
