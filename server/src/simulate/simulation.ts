/**
 * Agents for the hosts of a simulated world, in the control plane's own process: the same agents
 * with the same drivers as on real hosts, on a stream that is no network. Tests restart and crash
 * them here.
 */
import { join } from 'node:path';
import type { ImageContent } from '../agent/control-plane.js';
import { type HostAgent, startHostAgent } from '../agent/host.js';
import type { AgentHub } from '../api/agent-hub.js';
import type { Log } from '../log.js';
import type { Clock, Random } from '../reconcile/clock.js';
import type { Lookup } from '../resource/lookup.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import type { Tracing } from '../tracing.js';
import { withPoolsInMemory } from './memory-pool.js';
import { restoreVolumes } from './restore.js';
import type { SimulatedHost, World } from './world.js';

/** What a simulation works with. */
export interface SimulationOptions {
  readonly world: World;
  readonly hub: Pick<AgentHub, 'serve'>;
  /** Where the agents keep their desired state. */
  readonly directory: string;
  /** What the control plane has recorded. */
  readonly lookup: Lookup;
  /** The id of the node with a name, which is made if there is none. */
  readonly joinNode: (name: string) => Promise<string>;
  readonly readImage: (imageId: string, offset: bigint, signal?: AbortSignal) => ImageContent;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** Records what the agents do; nobody without it. */
  readonly tracing?: Tracing | undefined;
}

/** Simulated hosts have a kernel with the openvswitch module. */
const kernel = {
  hasOpenVSwitch: () => Promise.resolve(true),
  loadOpenVSwitch: () => Promise.resolve(),
};

/** The agents of a world. */
export class Simulation {
  readonly world: World;
  readonly #options: SimulationOptions;
  readonly #agents = new Map<string, HostAgent>();

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.world = options.world;
  }

  /** Starts an agent on every host, whose disks are as they were recorded. */
  async start(): Promise<void> {
    const { lookup, joinNode } = this.#options;
    const startOne = async (host: SimulatedHost): Promise<void> => {
      await restoreVolumes(lookup, await joinNode(host.name), host.disks);
      await this.#start(host);
    };
    await Promise.all(this.world.hosts.map(startOne));
  }

  /** The agent of a host; undefined while it is stopped. */
  agent(name: string): HostAgent | undefined {
    return this.#agents.get(name);
  }

  /** Stops the agent of a host; its guests go on. */
  async stopAgent(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    this.#agents.delete(name);
    await agent?.stop();
  }

  /** Starts the agent of a host again, with what it kept on disk. */
  async startAgent(name: string): Promise<void> {
    const host = this.world.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`there is no simulated host ${name}`);
    await this.stopAgent(name);
    await this.#start(host);
  }

  /** Stops everything. */
  async stop(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map((name) => this.stopAgent(name)));
    this.world.stop();
  }

  async #start(host: SimulatedHost): Promise<void> {
    const { hub, directory, joinNode, readImage, clock, random, log } = this.#options;
    const { types, version, tracing } = this.#options;
    const nodeId = await joinNode(host.name);
    const agent = await startHostAgent({
      nodeId,
      types,
      directory: join(directory, host.name),
      controlPlane: {
        open: (requests, signal) => withPoolsInMemory(hub.serve(nodeId, requests, signal)),
        readImage,
        close: () => undefined,
      },
      backends: {
        libvirt: () => host.libvirtd.connect(),
        disks: host.disks,
        files: host.files,
        ovs: host.ovs.connect(clock),
        kernel,
      },
      facts: { hostname: host.name, os: 'simulated', kernelRelease: 'simulated' },
      southbound: 'tcp:192.0.2.1:6642',
      encapIp: '192.0.2.2',
      clock,
      random,
      log,
      agentVersion: version,
      tracing,
      session: `${host.name}-${random().toString(36).slice(2)}`,
    });
    this.#agents.set(host.name, agent);
  }
}
