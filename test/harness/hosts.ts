/**
 * Looks at real backends with their own vendors' tools (virsh, ovn-nbctl), not with our clients:
 * what is there, what a guest says. An inventory is what must be empty when everything was removed.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { LabNodeStatus, LabStatus } from '../../server/src/lab/lab.js';
import { runCommand } from './command.js';
import { until } from './wait.js';

const agentSeconds = '5';
const execDeadlineMs = 30_000;

/** Everything of ours in the backends of a lab. */
export interface Inventory {
  /** `<host>/<domain's name>`. */
  readonly domains: readonly string[];
  /** Names of logical switches and ports. */
  readonly switches: readonly string[];
  readonly ports: readonly string[];
  readonly dhcpOptions: number;
  /**
   * `<host>/<path>` of every file in the hosts' data folders, as the host sees them, but for what
   * agents know.
   */
  readonly files: readonly string[];
  /** `<host>/<port>` of every tap in the hosts' switches. */
  readonly taps: readonly string[];
}

/** What an installation has when nothing is declared. */
export const nothing: Inventory = {
  domains: [],
  switches: [],
  ports: [],
  dhcpOptions: 0,
  files: [],
  taps: [],
};

/** What an agent keeps beside machines, volumes and images. */
const agentsOwn = /^(identity\.json$|agent\.lock$|desired\/)/;

/** Takes the inventory of a lab. */
export async function takeInventory(lab: LabStatus): Promise<Inventory> {
  const nb = async (...args: string[]): Promise<string[]> =>
    words(await runCommand('ovn-nbctl', [`--db=unix:${lab.central.northboundSocket}`, ...args]));
  const bare = ['--bare', '--columns=name', 'list'];
  const up = lab.nodes.filter((node) => node.up);
  const each = async (read: (node: LabNodeStatus) => Promise<string[]>): Promise<string[]> =>
    (
      await Promise.all(up.map(async (node) => (await read(node)).map((x) => `${node.name}/${x}`)))
    ).flat();
  return {
    domains: await each(async (node) => words(await virsh(node, 'list', '--all', '--name'))),
    switches: await nb(...bare, 'Logical_Switch'),
    ports: await nb(...bare, 'Logical_Switch_Port'),
    dhcpOptions: (await nb('--bare', '--columns=_uuid', 'list', 'DHCP_Options')).length,
    files: await each(async (node) => dataFiles(`/proc/${node.initPid}/root/var/lib/limiquantix`)),
    taps: await each(async (node) => {
      const db = `--db=unix:${node.ovsSocket}`;
      const ports = words(await runCommand('ovs-vsctl', [db, 'list-ports', 'br-int']));
      return ports.filter((port) => port.startsWith('vnet'));
    }),
  };
}

/** Runs virsh against a host's own libvirtd. */
export async function virsh(node: LabNodeStatus, ...args: string[]): Promise<string> {
  const uri = `qemu+unix:///system?socket=${node.libvirtSocket}`;
  return runCommand('virsh', ['-q', '-c', uri, ...args]);
}

/** Runs a shell command in a guest through its agent; returns its exit code and output. */
export async function execInGuest(
  node: LabNodeStatus,
  vmId: string,
  command: string,
): Promise<{ code: number; output: string }> {
  const agent = async (request: object): Promise<Record<string, unknown>> => {
    const text = await virsh(
      node,
      ...['qemu-agent-command', '--timeout', agentSeconds, vmId, JSON.stringify(request)],
    );
    return (JSON.parse(text) as { return: Record<string, unknown> }).return;
  };
  const { pid } = await agent({
    execute: 'guest-exec',
    arguments: { path: '/bin/sh', arg: ['-c', `${command} 2>&1`], 'capture-output': true },
  });
  return until(`the guest ends: ${command}`, execDeadlineMs, async () => {
    const status = await agent({ execute: 'guest-exec-status', arguments: { pid } });
    if (status['exited'] !== true) return undefined;
    const data = (status['out-data'] as string | undefined) ?? '';
    return { code: Number(status['exitcode']), output: Buffer.from(data, 'base64').toString() };
  });
}

function dataFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !agentsOwn.test(path));
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
