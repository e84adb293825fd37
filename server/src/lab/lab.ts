/**
 * The lab: N isolated hosts with real libvirtd, Open vSwitch and OVN on one machine, joined by
 * an underlay, and OVN's central part. The machine's own libvirt and OVS are never touched. Only
 * `bin` and the lab's tests call this; progress goes through `report`.
 */
import { spawn } from 'node:child_process';
import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { agentRuns, startAgent, stopAgent } from './agent.js';
import { centralDaemons, findCentralDaemon, startCentral } from './central.js';
import { cutLink, healLink, type Link } from './cuts.js';
import { killDaemon, startDaemon } from './daemons.js';
import { labError } from './error.js';
import { layOutLab } from './layout.js';
import { makeCentralNamespace, removeNamespace } from './namespace.js';
import {
  crashNode,
  enterNode,
  findInit,
  findNode,
  requireInit,
  startNode,
  waitForChassis,
} from './node.js';
import { missingForLab } from './prerequisites.js';
import { systemPath } from './process.js';
import type { AgentSettings, LabState } from './state.js';
import {
  createState,
  currentBootId,
  markerFile,
  ownEntries,
  readState,
  requireState,
} from './state.js';

export { type Link, links } from './cuts.js';
export { defaultLabDir, defaultLabName } from './layout.js';
export { startRelayServer } from './relay.js';
export type { AgentSettings } from './state.js';

/** Called with one line of progress. */
export type Report = (line: string) => void;

/** How a lab is made. */
export interface LabUpOptions {
  /** Folder for everything that the lab keeps. */
  readonly dir: string;
  /** Distinguishes labs on one machine. */
  readonly name: string;
  readonly nodes: number;
  /** Join the hosts to OVN here (without an agent that does). */
  readonly configureChassis: boolean;
  /** The program that runs `startRelayServer`, such as `[node, bundle, 'lab', 'relay']`. */
  readonly relayCommand?: readonly string[];
  /** An agent on every host. */
  readonly agent?: AgentSettings;
  readonly report: Report;
}

/** What runs where; paths are of the root namespace. */
export interface LabStatus {
  readonly name: string;
  readonly dir: string;
  /** The control plane's address for agents. */
  readonly endpoint: string;
  /** Where the control plane should listen. */
  readonly serverSocket: string;
  readonly central: {
    readonly managementAddress: string;
    readonly northboundSocket: string;
    readonly southboundSocket: string;
    readonly southboundRemote: string;
    /** Names of the central daemons that run. */
    readonly running: readonly string[];
  };
  readonly nodes: readonly LabNodeStatus[];
}

/** One host; sockets only while it is up. */
export interface LabNodeStatus {
  readonly name: string;
  readonly up: boolean;
  readonly managementAddress: string;
  readonly underlayAddress: string;
  readonly agentRunning: boolean;
  /** Its folder on the machine: logs, and `lib/limiquantix` for its /var/lib/limiquantix. */
  readonly dir: string;
  /** Id of the host's first process. */
  readonly initPid?: number;
  readonly libvirtSocket?: string;
  readonly ovsSocket?: string;
}

/** Makes a lab and returns when all of it answers; on failure nothing of it is left. */
export async function labUp(options: LabUpOptions): Promise<LabStatus> {
  const missing = missingForLab();
  if (missing !== undefined) throw labError(missing);
  const { report } = options;
  const layout = layOutLab({ ...options, dir: resolve(options.dir) });
  createState({
    version: 1,
    layout,
    bootId: currentBootId(),
    configureChassis: options.configureChassis,
    relayCommand: options.relayCommand ?? [],
    namespaces: {},
    nodes: {},
  });
  try {
    await makeCentralNamespace(layout.dir, layout.central);
    const state = requireState(layout.dir);
    const central = startCentral(state).then(() => report('OVN central is up'));
    const nodes = layout.nodes.map(async (node) => {
      await startNode(state, node);
      await central;
      if (options.configureChassis) await waitForChassis(layout.dir, node.name);
      if (options.agent !== undefined) {
        await startAgent(requireState(layout.dir), node.name, options.agent);
      }
      report(`${node.name} is up`);
    });
    await settle([central, ...nodes]);
  } catch (error) {
    await labDown({ dir: layout.dir, report });
    throw error;
  }
  return labStatus(layout.dir);
}

/** Removes a lab: no process, namespace, mount or file of it is left. Idempotent. */
export async function labDown(options: { dir: string; report: Report }): Promise<void> {
  const dir = resolve(options.dir);
  const state = readState(dir);
  if (state === undefined) {
    options.report(`no lab in ${dir}`);
    return;
  }
  if (state.bootId === currentBootId()) {
    await settle(Object.values(state.namespaces).map(removeNamespace));
  }
  if (!existsSync(join(dir, markerFile))) {
    throw labError(`${dir} has no ${markerFile}: its files are left alone`);
  }
  for (const entry of ownEntries) rmSync(join(dir, entry), { recursive: true, force: true });
  removeIfEmpty(dir);
  options.report(`the lab in ${dir} is gone`);
}

/** Cuts the power of one host. */
export async function labCrash(options: { dir: string; node: string }): Promise<void> {
  const state = requireState(resolve(options.dir));
  const node = findNode(state, options.node);
  if (findInit(state, node.name) === undefined) throw labError(`${node.name} is down already`);
  await crashNode(state, node);
}

/** Powers a host on again after a crash, with the agent it had. */
export async function labStart(options: { dir: string; node: string }): Promise<void> {
  const dir = resolve(options.dir);
  const state = requireState(dir);
  const node = findNode(state, options.node);
  if (findInit(state, node.name) !== undefined) throw labError(`${node.name} is up already`);
  // Its first process may have been killed without `lab crash`: clear what that left.
  await crashNode(state, node);
  await startNode(requireState(dir), node);
  if (state.configureChassis) await waitForChassis(dir, node.name);
  const agent = state.nodes[node.name]?.agent;
  if (agent !== undefined) await startAgent(requireState(dir), node.name, agent);
}

/** Runs a command inside a host on this terminal and returns its exit code. */
export async function labExec(options: {
  dir: string;
  node: string;
  command: readonly string[];
}): Promise<number> {
  const init = requireInit(requireState(resolve(options.dir)), options.node);
  const [program = '', ...args] = enterNode(init, options.command);
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { PATH: systemPath, TERM: 'xterm', LC_ALL: 'C.UTF-8' },
  });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code, name) => done(code ?? 128 + (name ? constants.signals[name] : 0)));
  });
}

/** Starts an agent on a host, as given or as it was started last. */
export async function labAgentStart(options: {
  dir: string;
  node: string;
  agent: AgentSettings;
}): Promise<void> {
  await startAgent(requireState(resolve(options.dir)), options.node, options.agent);
}

/** Stops a host's agent; it stays stopped until started again. */
export async function labAgentStop(options: {
  dir: string;
  node: string;
  how?: 'TERM' | 'KILL';
}): Promise<void> {
  await stopAgent(requireState(resolve(options.dir)), options.node, options.how ?? 'TERM');
}

/** One daemon of a host, or of `central`. */
export interface LabDaemonOptions {
  readonly dir: string;
  /** A host's name or `central`. */
  readonly node: string;
  /** Such as `libvirtd`; in central `northbound`, `southbound`, `northd` or `relay`. */
  readonly daemon: string;
}

/** Kills one daemon like a crash of it. */
export async function labDaemonKill({ dir, node, daemon }: LabDaemonOptions): Promise<void> {
  await killDaemon(requireState(resolve(dir)), node, daemon);
}

/** Starts one daemon that was killed; returns when it is ready. */
export async function labDaemonStart({ dir, node, daemon }: LabDaemonOptions): Promise<void> {
  await startDaemon(requireState(resolve(dir)), node, daemon);
}

/** One link of a host. */
export interface LabLinkOptions {
  readonly dir: string;
  /** The host's name. */
  readonly node: string;
  /** What it is cut off from. */
  readonly link: Link;
}

/** Cuts a host off from the control plane or from OVN, without a word to anybody. Idempotent. */
export async function labCut({ dir, node, link }: LabLinkOptions): Promise<void> {
  await cutLink(requireState(resolve(dir)), node, link);
}

/** Heals a cut. Idempotent. */
export async function labHeal({ dir, node, link }: LabLinkOptions): Promise<void> {
  await healLink(requireState(resolve(dir)), node, link);
}

/** What of a lab runs, and where its sockets are; throws when there is no lab. */
export function labStatus(dir: string): LabStatus {
  const state = requireState(resolve(dir));
  const { layout } = state;
  const { managementAddress, northboundSocket, southboundSocket, southboundRemote } =
    layout.central;
  const running = centralDaemons.filter(
    (daemon) => findCentralDaemon(layout.central, daemon) !== undefined,
  );
  return {
    name: layout.name,
    dir: layout.dir,
    endpoint: layout.endpoint,
    serverSocket: layout.serverSocket,
    central: { managementAddress, northboundSocket, southboundSocket, southboundRemote, running },
    nodes: layout.nodes.map((node) => nodeStatus(state, node.name)),
  };
}

function nodeStatus(state: LabState, name: string): LabNodeStatus {
  const { managementAddress, underlayAddress, dir } = findNode(state, name);
  const init = findInit(state, name);
  const root = `/proc/${init?.pid}/root`;
  return {
    name,
    up: init !== undefined,
    managementAddress,
    underlayAddress,
    agentRunning: agentRuns(state, name),
    dir,
    ...(init === undefined
      ? {}
      : {
          initPid: init.pid,
          libvirtSocket: `${root}/run/libvirt/libvirt-sock`,
          ovsSocket: `${root}/run/openvswitch/db.sock`,
        }),
  };
}

/** Waits for all: nothing works on in the background when the first failure is thrown. */
async function settle(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}
