/**
 * One host of the lab: ONE net, mount, uts and pid namespace with its own /run, libvirtd,
 * ovsdb-server, ovs-vswitchd and ovn-controller at their usual paths. Killing its first process is
 * a power cut.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { labError } from './error.js';
import type { LabLayout, NodeLayout } from './layout.js';
import { makeNodeNamespace, removeNamespace } from './namespace.js';
import { machineFolder, nodeFiles, ownFolders } from './node-files.js';
import type { ProcessRef } from './process.js';
import {
  childrenOf,
  isAlive,
  readOrUndefined,
  runProgram,
  signal,
  systemPath,
  waitFor,
} from './process.js';
import type { LabState } from './state.js';
import { recordNode, requireState } from './state.js';

const initTimeoutMs = 5_000;
const readyTimeoutMs = 30_000;
const logLinesShown = 5;
/** Folders that libvirt's package makes and its daemon does not. */
const packageFolders = ['log/libvirt/qemu', 'lib/libvirt/images', 'lib/libvirt/qemu'];

/** The layout of a host by its name; throws when the lab has no such host. */
export function findNode(state: LabState, name: string): NodeLayout {
  const node = state.layout.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) {
    const names = state.layout.nodes.map((candidate) => candidate.name).join(', ');
    throw labError(`no node '${name}' in this lab: it has ${names}`);
  }
  return node;
}

/** The first process of a host; undefined while the host is down. */
export function findInit(state: LabState, name: string): ProcessRef | undefined {
  const init = state.nodes[name]?.init;
  return init !== undefined && isAlive(init) ? init : undefined;
}

/** The first process of a host; throws while the host is down. */
export function requireInit(state: LabState, name: string): ProcessRef {
  findNode(state, name);
  const init = findInit(state, name);
  if (init === undefined) throw labError(`${name} is down: run 'limiquantix lab start ${name}'`);
  return init;
}

/** Program and arguments that run a command inside a host. */
export function enterNode(init: ProcessRef, command: readonly string[]): string[] {
  const namespaces = ['--mount', '--uts', '--net', '--pid'];
  return ['nsenter', '--target', `${init.pid}`, ...namespaces, '--wd=/', '--', ...command];
}

/** Powers a host on and returns when its daemons answer. */
export async function startNode(state: LabState, node: NodeLayout): Promise<void> {
  const { layout } = state;
  prepareFolder(layout, node, state.configureChassis);
  await makeNodeNamespace(layout.dir, layout.central, node);
  const log = openSync(join(node.dir, 'console.log'), 'a');
  const unshare = [
    'unshare',
    '--mount',
    '--uts',
    '--pid',
    '--fork',
    '--mount-proc',
    '--kill-child',
  ];
  const child = spawn(
    'ip',
    ['netns', 'exec', node.namespace, ...unshare, join(node.dir, 'init.sh')],
    {
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: systemPath, LC_ALL: 'C' },
      cwd: '/',
    },
  );
  closeSync(log);
  let ended = false;
  child.on('exit', () => {
    ended = true;
  });
  child.on('error', () => {
    ended = true;
  });
  const init = await waitFor(`first process of ${node.name}`, initTimeoutMs, () => {
    if (ended) throw startError(node);
    return childrenOf(child.pid ?? 0)[0];
  });
  recordNode(layout.dir, node.name, (record) => ({ ...record, init }));
  await waitFor(`daemons of ${node.name}`, readyTimeoutMs, () => {
    if (ended) throw startError(node);
    return existsSync(join(node.dir, 'run', 'lab-ready')) ? true : undefined;
  });
  child.unref();
}

/** Cuts a host's power: nothing in it gets to finish anything. Its disks stay as they are. */
export async function crashNode(state: LabState, node: NodeLayout): Promise<void> {
  const init = findInit(state, node.name);
  if (init !== undefined) signal(init, 'SIGKILL');
  const namespace = state.namespaces[node.namespace];
  if (namespace !== undefined) await removeNamespace(namespace);
  recordNode(state.layout.dir, node.name, ({ init: _gone, ...record }) => record);
}

/** The chassis of a host is known to OVN's southbound database. */
export async function waitForChassis(dir: string, name: string): Promise<void> {
  const { central } = requireState(dir).layout;
  const seconds = readyTimeoutMs / 1000;
  await runProgram([
    ...['ovn-sbctl', `--db=unix:${central.southboundSocket}`, `--timeout=${seconds}`],
    ...['wait-until', 'chassis', name, `hostname=${name}`],
  ]);
}

function prepareFolder(layout: LabLayout, node: NodeLayout, configureChassis: boolean): void {
  // /run is empty after a boot.
  rmSync(join(node.dir, 'run'), { recursive: true, force: true });
  for (const folder of ['libvirt', 'openvswitch', 'ovn', 'lock', 'machine/lib', 'machine/log']) {
    mkdirSync(join(node.dir, 'run', folder), { recursive: true });
  }
  mkdirSync(join(node.dir, 'cache-libvirt'), { recursive: true });
  for (const kind of ['lib', 'log'] as const) {
    for (const name of ownFolders[kind]) {
      mkdirSync(join(node.dir, kind, name), { recursive: true });
    }
    showMachineFolder(node, kind);
  }
  for (const folder of packageFolders) mkdirSync(join(node.dir, folder), { recursive: true });
  for (const [path, content] of Object.entries(nodeFiles(layout, node, configureChassis))) {
    mkdirSync(dirname(join(node.dir, path)), { recursive: true });
    writeFileSync(join(node.dir, path), content);
  }
  chmodSync(join(node.dir, 'init.sh'), 0o755);
}

/** Beside its own folders a host sees the machine's, without anything being made on the machine. */
function showMachineFolder(node: NodeLayout, kind: keyof typeof ownFolders): void {
  const present = new Set(readdirSync(join(node.dir, kind)));
  for (const entry of readdirSync(`/var/${kind}`)) {
    if (present.has(entry)) continue;
    symlinkSync(join(machineFolder(kind), entry), join(node.dir, kind, entry));
  }
}

function startError(node: NodeLayout) {
  const text = readOrUndefined(join(node.dir, 'console.log')) ?? '';
  const lines = text.trim().split('\n').slice(-logLinesShown);
  return labError(`${node.name} did not start: ${lines.join(' | ')}`);
}
