/**
 * Network namespaces of a lab and the links between them: one central namespace with two bridges
 * (management and underlay), one namespace for each host. Every namespace is recorded before it is
 * made, and only a namespace with the recorded inode number is ever removed.
 */
import { existsSync, statSync } from 'node:fs';
import { labError } from './error.js';
import type { CentralLayout, NodeLayout } from './layout.js';
import { underlayMtu } from './layout.js';
import { isAlive, processesInNamespace, runProgram, signal, waitFor } from './process.js';
import type { NamespaceRecord } from './state.js';
import { recordNamespace } from './state.js';

const namespaceDir = '/run/netns';
const killTimeoutMs = 15_000;

/** The file that holds a named namespace open. */
export function namespacePath(name: string): string {
  return `${namespaceDir}/${name}`;
}

/** Makes the hub of both networks. */
export async function makeCentralNamespace(dir: string, central: CentralLayout): Promise<void> {
  await addNamespace(dir, central.namespace);
  await batch(central.namespace, [
    'link set lo up',
    'link add mgmt type bridge',
    `link add underlay mtu ${underlayMtu} type bridge`,
    `address add ${central.managementAddress}/24 dev mgmt`,
    'link set mgmt up',
    'link set underlay up',
  ]);
}

/** Makes a host's namespace and its links to both networks. */
export async function makeNodeNamespace(
  dir: string,
  central: CentralLayout,
  node: NodeLayout,
): Promise<void> {
  const { namespace, managementPeer, underlayPeer } = node;
  await addNamespace(dir, namespace);
  const mtu = `mtu ${underlayMtu}`;
  await runProgram(
    ['ip', '-batch', '-'],
    [
      `link add eth0 netns ${namespace} type veth ` +
        `peer name ${managementPeer} netns ${central.namespace}`,
      `link add underlay ${mtu} netns ${namespace} type veth ` +
        `peer name ${underlayPeer} ${mtu} netns ${central.namespace}`,
    ].join('\n'),
  );
  await batch(central.namespace, [
    `link set ${managementPeer} master mgmt up`,
    `link set ${underlayPeer} master underlay up`,
  ]);
  await batch(namespace, [
    'link set lo up',
    `address add ${node.managementAddress}/24 dev eth0`,
    'link set eth0 up',
    'link set underlay up',
  ]);
  // Packets that the userspace datapath reads from a veth must have real checksums.
  await Promise.all([
    runProgram(['ip', 'netns', 'exec', namespace, 'ethtool', '-K', 'underlay', 'tx', 'off']),
    runProgram([
      'ip',
      'netns',
      'exec',
      central.namespace,
      'ethtool',
      '-K',
      underlayPeer,
      'tx',
      'off',
    ]),
  ]);
}

/** Kills everything in a namespace and removes it with its links. Does nothing when it is gone. */
export async function removeNamespace(record: NamespaceRecord): Promise<void> {
  const inode = inodeOf(record.name);
  const ours = record.inode ?? inode;
  if (ours !== undefined) await killNamespace(record.name, ours);
  if (inode !== undefined && inode === ours)
    await runProgram(['ip', 'netns', 'delete', record.name]);
}

async function killNamespace(name: string, inode: number): Promise<void> {
  await waitFor(`end of all processes in ${name}`, killTimeoutMs, () => {
    const left = processesInNamespace(inode).filter(isAlive);
    for (const ref of left) signal(ref, 'SIGKILL');
    return left.length === 0 ? true : undefined;
  });
}

async function addNamespace(dir: string, name: string): Promise<void> {
  if (existsSync(namespacePath(name))) {
    throw labError(
      `network namespace ${name} exists and is not of the lab in ${dir}: pass another --name`,
    );
  }
  recordNamespace(dir, { name });
  await runProgram(['ip', 'netns', 'add', name]);
  const inode = inodeOf(name);
  if (inode === undefined) throw labError(`network namespace ${name} vanished`);
  recordNamespace(dir, { name, inode });
}

function inodeOf(name: string): number | undefined {
  return statSync(namespacePath(name), { throwIfNoEntry: false })?.ino;
}

async function batch(namespace: string, lines: readonly string[]): Promise<void> {
  await runProgram(['ip', '-n', namespace, '-batch', '-'], lines.join('\n'));
}
