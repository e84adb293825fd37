/**
 * `lab.json`: what a lab has made on this machine, written before it is made, so that `lab down`
 * finds everything after any crash. Reading and writing are synchronous: one process never loses
 * an update.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labError } from './error.js';
import type { LabLayout } from './layout.js';
import type { ProcessRef } from './process.js';
import { readOrUndefined } from './process.js';

/** A network namespace; the inode number is known once it is made. */
export interface NamespaceRecord {
  readonly name: string;
  readonly inode?: number;
}

/** How agents are started on the hosts. */
export interface AgentSettings {
  /** Program and arguments; `{…}` stands for a value of agent.json, such as `{endpoint}`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Start it again when it dies. */
  readonly restart: boolean;
}

/** One host as it was last started. */
export interface NodeRecord {
  /** PID 1 of the host, by its id in the root namespace; absent while the host is down. */
  readonly init?: ProcessRef;
  /** How its agent was started; absent when it was not, or was stopped. */
  readonly agent?: AgentSettings;
}

/** The content of `lab.json`. */
export interface LabState {
  readonly version: 1;
  readonly layout: LabLayout;
  /** Nothing survives a reboot: processes recorded under another boot id are gone. */
  readonly bootId: string;
  readonly configureChassis: boolean;
  /** The relay's program and first arguments; empty for none. */
  readonly relayCommand: readonly string[];
  readonly namespaces: Readonly<Record<string, NamespaceRecord>>;
  readonly nodes: Readonly<Record<string, NodeRecord>>;
}

const stateFile = 'lab.json';
/** Says that a folder was made by a lab and may be emptied by `lab down`. */
export const markerFile = '.limiquantix-lab';
/** All that a lab makes in its folder; nothing else there is ever removed. */
export const ownEntries = [
  'central',
  'nodes',
  'server.sock',
  `${stateFile}.part`,
  stateFile,
  markerFile,
] as const;

/** This boot's id. */
export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Makes the lab's folder and its first state; throws when a lab (or a trace of one) is there. */
export function createState(state: LabState): void {
  const { dir } = state.layout;
  mkdirSync(dir, { recursive: true });
  if (existsSync(join(dir, stateFile))) {
    throw labError(
      `there is a lab in ${dir} already: run 'limiquantix lab down --dir ${dir}' first`,
    );
  }
  const leftover = ['central', 'nodes'].filter((entry) => existsSync(join(dir, entry)));
  if (leftover.length > 0) {
    throw labError(`${dir} has ${leftover.join(' and ')} but no ${stateFile}: pass another --dir`);
  }
  writeFileSync(join(dir, markerFile), "made by 'limiquantix lab up'; 'lab down' removes it\n");
  writeState(state);
}

/** The state of the lab in a folder; undefined when there is none. */
export function readState(dir: string): LabState | undefined {
  const text = readOrUndefined(join(dir, stateFile));
  if (text === undefined) return undefined;
  const state = JSON.parse(text) as LabState;
  if (state.version !== 1) throw labError(`${dir}/${stateFile} is of another version`);
  return state;
}

/** The state of the lab in a folder; throws when there is none. */
export function requireState(dir: string): LabState {
  const state = readState(dir);
  if (state === undefined) throw labError(`no lab in ${dir}: run 'limiquantix lab up' first`);
  return state;
}

/** Replaces the state by what the function makes of it. */
export function updateState(dir: string, change: (state: LabState) => LabState): LabState {
  const state = change(requireState(dir));
  writeState(state);
  return state;
}

/** Changes what is recorded of a host. */
export function recordNode(
  dir: string,
  name: string,
  change: (record: NodeRecord) => NodeRecord,
): void {
  updateState(dir, (state) => ({
    ...state,
    nodes: { ...state.nodes, [name]: change(state.nodes[name] ?? {}) },
  }));
}

/** Records a namespace, before it is made without and afterwards with its inode number. */
export function recordNamespace(dir: string, record: NamespaceRecord): void {
  updateState(dir, (state) => ({
    ...state,
    namespaces: { ...state.namespaces, [record.name]: record },
  }));
}

function writeState(state: LabState): void {
  const path = join(state.layout.dir, stateFile);
  writeFileSync(`${path}.part`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${path}.part`, path);
}
