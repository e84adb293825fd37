/**
 * Agents on lab hosts: started inside a host's namespaces and handed to its first process, so
 * that a crash of the host takes them along. One agent a host, with or without a supervisor.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labError } from './error.js';
import type { NodeLayout } from './layout.js';
import { enterNode, findInit, findNode, requireInit } from './node.js';
import type { AgentFacts } from './node-files.js';
import { agentFacts, agentPaths } from './node-files.js';
import { readOrUndefined, runProgram, waitFor } from './process.js';
import type { AgentSettings, LabState } from './state.js';
import { recordNode } from './state.js';

/** Holds the id of the supervisor (or the agent itself), inside the host. */
const pidFile = '/run/lab-agent.pid';
const stopTimeoutMs = 10_000;

/** Starts the agent of a host that is up; throws when it runs already. */
export async function startAgent(
  state: LabState,
  name: string,
  settings: AgentSettings,
): Promise<void> {
  const node = findNode(state, name);
  const init = requireInit(state, name);
  if (agentRuns(state, name)) throw labError(`the agent of ${name} runs already`);
  const { script } = agentPaths(node);
  writeFileSync(script, agentScript(node, agentFacts(state.layout, node), settings));
  chmodSync(script, 0o700);
  await runProgram(enterNode(init, ['setsid', '--fork', script]));
  recordNode(state.layout.dir, name, (record) => ({ ...record, agent: settings }));
  await waitFor(`agent of ${name}`, stopTimeoutMs, () => agentRuns(state, name) || undefined);
}

/** Stops the agent of a host, by TERM or as if it had crashed; nothing happens when it is gone. */
export async function stopAgent(state: LabState, name: string, how: 'TERM' | 'KILL') {
  findNode(state, name);
  const init = findInit(state, name);
  recordNode(state.layout.dir, name, ({ agent: _stopped, ...record }) => record);
  if (init === undefined || !agentRuns(state, name)) return;
  // The supervisor goes first, or it would start another agent.
  const kill = `p=$(cat ${pidFile}); rm -f ${pidFile}
    children=$(cat /proc/$p/task/$p/children)
    if [ -e /run/lab-agent-supervised ]; then kill -KILL $p; kill -${how} $children
    else kill -${how} $p; children=$p; fi
    tries=0
    for c in $children; do
      while [ -e /proc/$c ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
      [ ! -e /proc/$c ] || kill -KILL $c
    done`;
  await runProgram(enterNode(init, ['sh', '-c', kill]));
}

/** Whether the agent of a host (or its supervisor) runs. */
export function agentRuns(state: LabState, name: string): boolean {
  const init = findInit(state, name);
  if (init === undefined) return false;
  // /proc there is of the host's own pid namespace.
  const root = `/proc/${init.pid}/root`;
  const pid = readOrUndefined(`${root}${pidFile}`)?.trim();
  if (pid === undefined || pid === '') return false;
  const stat = readOrUndefined(`${root}/proc/${pid}/stat`);
  return stat !== undefined && !stat.includes(') Z ');
}

/** Pure: replaces `{fact}` in a word by the value of agent.json; throws for an unknown name. */
export function fillIn(word: string, facts: AgentFacts, agentJson: string): string {
  const values: Record<string, string> = { ...facts, agentJson };
  return word.replaceAll(/\{([a-zA-Z]+)\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) {
      throw labError(
        `unknown {${key}} in the agent's command: use ${Object.keys(values).join(', ')}`,
      );
    }
    return value;
  });
}

/** Pure: the script that becomes the agent, or its supervisor. */
export function agentScript(node: NodeLayout, facts: AgentFacts, settings: AgentSettings): string {
  const json = join(node.dir, 'agent.json');
  const word = (text: string) => quote(fillIn(text, facts, json));
  const exports = Object.entries(settings.environment).map(([k, v]) => `export ${k}=${word(v)}`);
  const command = settings.command.map(word).join(' ');
  const start = settings.restart
    ? [': >/run/lab-agent-supervised', `while :; do ${command} || :; sleep 1; done`]
    : ['rm -f /run/lab-agent-supervised', `exec ${command}`];
  const { log } = agentPaths(node);
  const lines = [`exec >>${quote(log)} 2>&1 </dev/null`, ...exports];
  return ['#!/bin/sh', ...lines, `echo $$ >${pidFile}`, ...start, ''].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
