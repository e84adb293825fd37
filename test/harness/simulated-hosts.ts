/**
 * A control plane and hosts whose backends are simulated and outlive both: the server and each
 * agent are killed and started again in this process, and talk over the real listener with the
 * certificates that the hosts got when they joined.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Transport } from '@connectrpc/connect';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { connectControlPlane } from '../../server/src/agent/control-plane.js';
import { type HostAgent, startHostAgent } from '../../server/src/agent/host.js';
import type { NodeIdentity } from '../../server/src/agent/identity.js';
import { join as joinControlPlane } from '../../server/src/agent/join.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import type { Log } from '../../server/src/log.js';
import type { Random } from '../../server/src/reconcile/clock.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { createWorld, type SimulatedHost, type World } from '../../server/src/simulate/world.js';
import { openSqliteStore, type SqliteStoreOptions } from '../../server/src/store/sqlite.js';
import type { Store, Transaction } from '../../server/src/store/store.js';
import type { Tracing } from '../../server/src/tracing.js';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import type { Northbound } from '../../server/src/wire/ovsdb/northbound.js';
import { freePort } from './control-plane.js';
import { Mortal } from './mortal.js';
import { scratchDir } from './paths.js';

const agentBootMs = 50;
const kernel = {
  hasOpenVSwitch: () => Promise.resolve(true),
  loadOpenVSwitch: () => Promise.resolve(),
};

/** An agent that runs. */
interface LiveAgent {
  readonly life: Mortal;
  readonly running: HostAgent;
  /** Breaks its connection to the control plane. */
  readonly hangUp: () => void;
}

/** The control plane that runs. */
interface LiveServer {
  readonly life: Mortal;
  readonly running: RunningServer;
  readonly northbound: OvsdbApi<Northbound> | undefined;
}

/** What an installation of simulated hosts is made of. */
export interface SimulatedHostsOptions {
  readonly hosts: number;
  readonly random: Random;
  readonly log: Log;
  /** Records what they do; nobody without it. */
  readonly tracing?: { readonly server: Tracing; readonly agent: Tracing };
}

/** The installation; make it with `up`. */
export class SimulatedHosts {
  readonly world: World;
  readonly #options: SimulatedHostsOptions;
  readonly #dir = scratchDir('hosts');
  readonly #port: number;
  readonly #identities = new Map<string, NodeIdentity>();
  readonly #agents = new Map<string, LiveAgent>();
  /** How often each host's libvirtd turned an agent away. */
  readonly refusals = new Map<string, number>();
  /** Called in the moment that the store has taken a change, before its writer hears of it. */
  onCommit: (transaction: Transaction) => void = () => undefined;
  #server: LiveServer | undefined;
  #transport: Transport | undefined;

  private constructor(options: SimulatedHostsOptions, world: World, port: number) {
    this.#options = options;
    this.world = world;
    this.#port = port;
  }

  /** Starts a control plane, joins the hosts and starts their agents. */
  static async up(options: SimulatedHostsOptions): Promise<SimulatedHosts> {
    const world = await createWorld({ ...options, clock: systemClock, agentBootMs });
    const installation = new SimulatedHosts(options, world, await freePort());
    await installation.startServer();
    await Promise.all(world.hosts.map((host) => installation.#join(host)));
    await Promise.all(world.hosts.map(({ name }) => installation.startAgent(name)));
    return installation;
  }

  /** Stops everything; what was kept on disk goes. */
  async down(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map((name) => this.stopAgent(name)));
    await this.stopServer();
    this.world.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** A client's transport to the control plane that runs, or ran last. */
  get transport(): Transport {
    if (this.#transport === undefined) throw new Error('no control plane was started');
    return this.#transport;
  }

  get client(): ResourceClient {
    return new ResourceClient(this.transport);
  }

  /** A client whose calls belong to a trace. */
  clientIn(tracing: Tracing): ResourceClient {
    const running = this.#server?.running;
    if (running === undefined) throw new Error('no control plane runs');
    return new ResourceClient(createTransport(running.profile, tracing));
  }

  /** The resources of a type. */
  async list<R>(type: string): Promise<R[]> {
    return (await this.client.list(contractTypes.get(type))) as unknown as R[];
  }

  /** Starts the control plane, with what it kept on disk. */
  async startServer(): Promise<void> {
    const life = new Mortal();
    let northbound: OvsdbApi<Northbound> | undefined;
    const running = await startServer({
      dataDirectory: join(this.#dir, 'server'),
      listen: [`127.0.0.1:${this.#port}`],
      names: [],
      simulate: 0,
      connectNorthbound: () => {
        northbound = this.world.connectNorthbound();
        return northbound;
      },
      openStore: (options) => life.guard(this.#openStore(options)),
      clock: systemClock,
      random: this.#options.random,
      log: this.#options.log,
      tracing: this.#options.tracing?.server,
      version: 'test',
    });
    this.#server = { life, running, northbound };
    this.#transport = createTransport(running.profile);
  }

  /**
   * Kills the control plane: from now on it writes nothing and hears nothing. Resolves when it has
   * let go of its files and its port.
   */
  async killServer(): Promise<void> {
    this.#server?.life.kill();
    this.#server?.northbound?.close();
    await this.stopServer();
  }

  /** Asks the control plane to end. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.running.stop();
  }

  /** Starts the agent of a host, with what it kept on disk. */
  async startAgent(name: string): Promise<void> {
    const identity = this.#identities.get(name);
    if (identity === undefined) throw new Error(`${name} has not joined`);
    const { random, log } = this.#options;
    const host = this.#host(name);
    const life = new Mortal();
    const controlPlane = connectControlPlane(identity.serverUrl, identity);
    const running = await startHostAgent({
      nodeId: identity.nodeId,
      types: contractTypes,
      directory: join(this.#dir, name),
      controlPlane,
      backends: {
        libvirt: () => this.#connectLibvirt(host, life),
        disks: life.guard(host.disks),
        files: life.guard(host.files),
        ovs: host.ovs.connect(systemClock),
        kernel,
      },
      facts: { hostname: name, os: 'simulated', kernelRelease: 'simulated' },
      southbound: 'tcp:192.0.2.1:6642',
      encapIp: '192.0.2.2',
      clock: systemClock,
      random,
      log,
      tracing: this.#options.tracing?.agent,
      agentVersion: 'test',
      session: `${name}-${random()}`,
    });
    this.#agents.set(name, { life, running, hangUp: () => controlPlane.close() });
  }

  /** Kills the agent of a host: from now on it does nothing. Its guests go on. */
  async killAgent(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    agent?.life.kill();
    agent?.hangUp();
    await this.stopAgent(name);
  }

  /** Asks the agent of a host to end. Its guests go on. */
  async stopAgent(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    this.#agents.delete(name);
    await agent?.running.stop();
  }

  /** Cuts a host's power: its agent, its daemons and its guests are gone at once. */
  async powerOff(name: string): Promise<void> {
    const { libvirtd, ovs } = this.#host(name);
    const killed = this.killAgent(name);
    libvirtd.stop();
    ovs.setReachable(false);
    for (const domain of libvirtd.all()) if (domain.live !== undefined) domain.kill();
    await killed;
  }

  /** Gives the power back: daemons and agent start, guests are off. */
  async powerOn(name: string): Promise<void> {
    const { libvirtd, ovs } = this.#host(name);
    ovs.setReachable(true);
    libvirtd.restart();
    await this.startAgent(name);
  }

  #host(name: string): SimulatedHost {
    const host = this.world.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`there is no simulated host ${name}`);
    return host;
  }

  async #connectLibvirt(host: SimulatedHost, life: Mortal) {
    try {
      return life.guard(await host.libvirtd.connect());
    } catch (error) {
      this.refusals.set(host.name, (this.refusals.get(host.name) ?? 0) + 1);
      throw error;
    }
  }

  async #join({ name }: SimulatedHost): Promise<void> {
    const tokens = createClient(TokenService, this.transport);
    const { token: joinToken } = await tokens.createJoinToken({ nodeName: name });
    const serverUrl = `https://127.0.0.1:${this.#port}`;
    this.#identities.set(name, await joinControlPlane({ serverUrl, joinToken, nodeName: name }));
  }

  #openStore(options: SqliteStoreOptions): Store {
    const store = openSqliteStore(options);
    return {
      get: (key) => store.get(key),
      list: (list) => store.list(list),
      watch: (watch) => store.watch(watch),
      isRecent: (revision) => store.isRecent(revision),
      revision: () => store.revision(),
      compact: (revision) => store.compact(revision),
      close: () => store.close(),
      commit: async (transaction) => {
        const result = await store.commit(transaction);
        if (result.ok) this.onCommit(transaction);
        return result;
      },
    };
  }
}
