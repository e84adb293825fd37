/** The agent of a real host: its backends are the daemons and the filesystem of this machine. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname, release } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { connectControlPlane } from '../agent/control-plane.js';
import { type HostAgent, startHostAgent } from '../agent/host.js';
import { type NodeIdentity, writeIdentity } from '../agent/identity.js';
import { join as joinControlPlane } from '../agent/join.js';
import { createNodeFiles } from '../drivers/libvirt/node-files.js';
import { createHostKernel } from '../drivers/ovn/datapath.js';
import type { Log } from '../log.js';
import type { Clock, Random } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import { contractTypes } from '../resource/type-registry.js';
import type { Tracing } from '../tracing.js';
import { HostDiskImages } from '../wire/disk-image/host.js';
import { connectLibvirt } from '../wire/libvirt/client.js';
import { createOvsdbClient } from '../wire/ovsdb/client.js';
import { createDial } from '../wire/ovsdb/endpoint.js';
import { openVSwitch } from '../wire/ovsdb/open-vswitch.js';
import { lockDirectory } from './lock-directory.js';

/** How an agent is made. */
export interface AgentOptions {
  /** Holds the identity, the desired state and the files of guests. */
  readonly dataDirectory: string;
  /** Undefined where the host has not joined: then it joins. */
  readonly identity: NodeIdentity | undefined;
  readonly serverUrl: string | undefined;
  readonly joinToken: string | undefined;
  /** The name to join under; the host's own without it. */
  readonly nodeName: string | undefined;
  readonly libvirtSocket: string;
  readonly ovsSocket: string;
  readonly southbound: string;
  readonly encapIp: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** Records what is done on the host; nobody without it. */
  readonly tracing?: Tracing | undefined;
}

const directoryMode = 0o700;

/**
 * Starts the agent; joins first where the host has not joined. Throws DATA_DIRECTORY_IN_USE where
 * another agent works on the directory.
 */
export async function startAgent(options: AgentOptions): Promise<HostAgent> {
  const { dataDirectory } = options;
  await mkdir(dataDirectory, { recursive: true, mode: directoryMode });
  const unlock = lockDirectory(dataDirectory, 'agent');
  try {
    const host = await startLocked(options);
    const stop = (): Promise<void> => host.stop().finally(unlock);
    return { agent: host.agent, stop };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function startLocked(options: AgentOptions): Promise<HostAgent> {
  const { dataDirectory, clock, log } = options;
  const identity = options.identity ?? (await joinHost(options));
  return startHostAgent({
    ...options,
    nodeId: identity.nodeId,
    types: contractTypes,
    directory: join(dataDirectory, 'desired'),
    controlPlane: connectControlPlane(options.serverUrl ?? identity.serverUrl, identity),
    backends: {
      libvirt: () => connectLibvirt({ socketPath: options.libvirtSocket, timers: clock }),
      disks: new HostDiskImages(),
      files: createNodeFiles(join(dataDirectory, 'vms')),
      ovs: createOvsdbClient({
        database: openVSwitch,
        endpoints: [`unix:${options.ovsSocket}`],
        dial: createDial(),
        timers: clock,
      }),
      kernel: createHostKernel(),
    },
    facts: { hostname: hostname(), os: await readOsName(), kernelRelease: release() },
    log,
    agentVersion: options.version,
    session: randomUUID(),
  });
}

async function joinHost(options: AgentOptions): Promise<NodeIdentity> {
  const { serverUrl, joinToken, dataDirectory, log } = options;
  if (serverUrl === undefined || joinToken === undefined) {
    throw new LimiError({
      code: Code.FailedPrecondition,
      reason: 'NOT_JOINED',
      message:
        'this host has not joined; give --server and --join-token, made by: limiquantix node join-token',
    });
  }
  const nodeName = options.nodeName ?? nodeNameOf(hostname());
  const identity = await joinControlPlane({ serverUrl, joinToken, nodeName });
  await writeIdentity(dataDirectory, identity);
  log.info('joined', { nodeName, nodeId: identity.nodeId });
  return identity;
}

/** A host's name as a DNS label: its first part, in lower case. */
function nodeNameOf(name: string): string {
  return (name.split('.')[0] ?? name).toLowerCase().replaceAll(/[^a-z0-9-]/g, '-');
}

async function readOsName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const name = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1];
  return name ?? process.platform;
}
