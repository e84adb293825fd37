/**
 * Cuts in a lab's network, made and healed again: packets between a host and what it reaches in
 * the central namespace are dropped by nftables there. Nobody is told, as with a cable that is
 * pulled. The rules end with the namespace.
 */
import { labError } from './error.js';
import { controlPlanePort, southboundPort } from './layout.js';
import { namespacePath } from './namespace.js';
import { findNode } from './node.js';
import { runProgram } from './process.js';
import type { LabState } from './state.js';

/** What a host reaches over its management network, and can be cut off from. */
export const links = ['control-plane', 'ovn'] as const;
/** One of them. */
export type Link = (typeof links)[number];

const ports: Readonly<Record<Link, number>> = {
  'control-plane': controlPlanePort,
  ovn: southboundPort,
};

/** Cuts a host off from something. Idempotent. */
export async function cutLink(state: LabState, name: string, link: Link): Promise<void> {
  const address = findNode(state, name).managementAddress;
  const port = ports[asLink(link)];
  const table = tableOf(name, link);
  await nft(state, [
    `add table ip ${table}`,
    `flush table ip ${table}`,
    `add chain ip ${table} in { type filter hook input priority 0; }`,
    `add chain ip ${table} out { type filter hook output priority 0; }`,
    `add rule ip ${table} in ip saddr ${address} tcp dport ${port} drop`,
    `add rule ip ${table} out ip daddr ${address} tcp sport ${port} drop`,
  ]);
}

/** Heals a cut. Idempotent. */
export async function healLink(state: LabState, name: string, link: Link): Promise<void> {
  findNode(state, name);
  const table = tableOf(name, asLink(link));
  await nft(state, [`add table ip ${table}`, `delete table ip ${table}`]);
}

async function nft({ layout }: LabState, lines: readonly string[]): Promise<void> {
  const inside = ['nsenter', `--net=${namespacePath(layout.central.namespace)}`];
  await runProgram([...inside, 'nft', '-f', '-'], `${lines.join('\n')}\n`);
}

const tableOf = (node: string, link: Link): string => `cut_${node}_${link}`.replaceAll('-', '_');

function asLink(word: string): Link {
  const found = links.find((one) => one === word);
  if (found === undefined) throw labError(`no link '${word}': ${links.join(', ')}`);
  return found;
}
