/**
 * The agent of a simulated host: the product's own, on the host's fakes, with a stream to the
 * control plane by the simulation's network. Everything that it works with is guarded by its life.
 */
import type { ConnectRequest } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import type { OpenStream } from '../../server/src/agent/connection.js';
import { type HostAgent, startHostAgent } from '../../server/src/agent/host.js';
import type { LogFiles } from '../../server/src/agent/log-files.js';
import type { Log } from '../../server/src/log.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { SimulatedHost } from '../../server/src/simulate/world.js';
import type { DiskImages } from '../../server/src/wire/disk-image/api.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { openVSwitch } from '../../server/src/wire/ovsdb/open-vswitch.js';
import type { Chance } from './chance.js';
import { dialInLife } from './dial.js';
import type { Fate, Life } from './life.js';
import type { Mischief } from './mischief.js';
import type { Seams } from './mutations.js';
import type { Network } from './network.js';
import type { SimulatedServer } from './server.js';

/** What an agent is started with. */
export interface SimulatedAgentOptions {
  readonly life: Life;
  readonly host: SimulatedHost;
  readonly nodeId: string;
  readonly files: LogFiles;
  readonly chance: Chance;
  readonly log: Log;
  readonly network: Network;
  readonly mischief: Mischief;
  /** The names of the servers that it knows. */
  readonly servers: readonly string[];
  /** The server of a name, while it runs. */
  readonly serverOf: (name: string) => SimulatedServer | undefined;
  /** A bug that is put in. */
  readonly seams: Seams;
}

const kernel = {
  hasOpenVSwitch: () => Promise.resolve(true),
  loadOpenVSwitch: () => Promise.resolve(),
};

/** Starts an agent. */
export function startSimulatedAgent(options: SimulatedAgentOptions): Promise<HostAgent> {
  const { life, host, nodeId, files, chance, log, mischief, seams } = options;
  const fate = (backend: Parameters<Mischief['fate']>[0]) => mischief.fate(backend, host.name);
  const disks: DiskImages = life.guard(host.disks, fate('disks'));
  const database = openVSwitch;
  const endpoints = ['unix:fake'];
  return startHostAgent({
    nodeId,
    types: contractTypes,
    directory: '/desired',
    files: stateFiles(files, life, fate('state')),
    controlPlane: {
      open: openStream(options),
      // No image is declared in a simulation.
      readImage: () => Promise.reject(new Error('there are no images')) as never,
      close: () => undefined,
    },
    backends: {
      libvirt: async () => {
        const connection = await life.guard(host.libvirtd).connect();
        life.onDeath(() => void connection.close());
        const guarded = life.guard(connection, fate('libvirt'));
        return seams.libvirt?.(guarded) ?? guarded;
      },
      disks: seams.disks?.(disks, chance) ?? disks,
      files: life.guard(host.files, fate('files')),
      ovs: createOvsdbClient({
        ...{ database, endpoints, timers: life.clock },
        dial: dialInLife(host.ovs.dial, life),
      }),
      kernel,
    },
    facts: { hostname: host.name, os: 'simulated', kernelRelease: 'simulated' },
    southbound: 'tcp:192.0.2.1:6642',
    encapIp: '192.0.2.2',
    clock: life.clock,
    random: chance.random,
    log,
    agentVersion: 'test',
    session: String(chance.random()),
  });
}

/** The agent's own files, whose every call may fail. */
function stateFiles(files: LogFiles, life: Life, fate: Fate): LogFiles {
  const guarded = life.guard(files, fate);
  return {
    ensureDirectory: (path) => guarded.ensureDirectory(path),
    read: (path) => guarded.read(path),
    open: async (path, how) => life.guard(await guarded.open(path, how), fate),
    replace: (from, to) => guarded.replace(from, to),
  };
}

/** A stream to one server after the other, as `connectControlPlane` does it. */
function openStream(options: SimulatedAgentOptions): OpenStream {
  const { chance, life, host, nodeId, network, servers, serverOf } = options;
  let at = 0;
  const hop = (
    from: string,
    to: string,
    requests: AsyncIterable<ConnectRequest>,
    signal: AbortSignal,
  ): ReturnType<OpenStream> =>
    network.stream({
      route: { from, to },
      callee: () => serverOf(to)?.life,
      signal,
      serve: (farSignal, carry) => {
        const server = serverOf(to);
        if (server === undefined) throw new Error('a server that lives is found');
        const { duty, leadership } = server;
        const leader = leadership.leaderUrl?.replace('https://', '');
        const carried = carry(requests);
        if (leadership.isLeading || leader === undefined || from in peers(servers)) {
          return duty.hub.serve(nodeId, carried, farSignal);
        }
        return hop(to, leader, carried, farSignal);
      },
    });
  return async function* open(requests, signal) {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    signal.addEventListener('abort', end, { once: true });
    // The kernel closes a dead process's connections; with the whole host, nobody does.
    if (chance.is(0.5)) life.onDeath(end);
    try {
      const to = servers[at % servers.length] ?? '';
      yield* hop(host.name, to, requests, ended.signal);
    } finally {
      at += 1;
    }
  };
}

/** The servers, by name: from one of them, nothing is relayed again. */
const peers = (servers: readonly string[]): Readonly<Record<string, true>> =>
  Object.fromEntries(servers.map((name) => [name, true]));
