/**
 * A whole installation in one process on virtual time: hosts with their fakes, agents, one control
 * plane or two on a shared store, and the network between them. What dies is started again after a
 * while, as a service manager does.
 */

import { GrpcFailure } from '../../provider/src/client/grpc-failure.js';
import type { HostAgent } from '../../server/src/agent/host.js';
import { type Log, type LogFields, silentLog } from '../../server/src/log.js';
import { createIds } from '../../server/src/resource/new-id.js';
import { createWorld, type SimulatedHost, type World } from '../../server/src/simulate/world.js';
import { soleLeadership } from '../../server/src/store/leadership.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { northbound } from '../../server/src/wire/ovsdb/northbound.js';
import { startSimulatedAgent } from './agent.js';
import type { Chance } from './chance.js';
import { dialInLife } from './dial.js';
import { Life } from './life.js';
import { SimulatedLogFiles } from './log-files.js';
import { Medium } from './medium.js';
import { Mischief } from './mischief.js';
import { Network } from './network.js';
import { type SimulatedServer, startSimulatedServer } from './server.js';
import { SimulatedStore } from './store.js';
import type { Timeline } from './timeline.js';

/** What an installation is made of. */
export interface InstallationOptions {
  readonly timeline: Timeline;
  readonly chance: Chance;
  readonly hosts: number;
  readonly servers: number;
  /** Told of what is never right, such as an error that nobody foresaw. */
  readonly onStrange: (what: string) => void;
}

interface HostProcess {
  readonly host: SimulatedHost;
  readonly files: SimulatedLogFiles;
  life: Life | undefined;
  isOff: boolean;
  agent: HostAgent | undefined;
}

interface ServerProcess {
  readonly name: string;
  life: Life | undefined;
  server: SimulatedServer | undefined;
}

const restartMsMax = 15_000;

/** The installation; `create` it, then `start`. */
export class Installation {
  readonly medium = new Medium();
  readonly network: Network;
  readonly mischief: Mischief;
  readonly world: World;
  readonly hosts: readonly HostProcess[];
  readonly servers: readonly ServerProcess[];
  /** The token of an administrator. */
  token = '';
  readonly #options: InstallationOptions;
  readonly #nodeIds = new Map<string, string>();
  #lives = 0;

  private constructor(options: InstallationOptions, world: World) {
    const { timeline, chance } = options;
    this.#options = options;
    this.world = world;
    this.mischief = new Mischief(chance.fork('mischief'));
    this.network = new Network({
      clock: timeline.clock,
      chance: chance.fork('network'),
      note: (line) => timeline.note(line),
      failure: (message) => new GrpcFailure('unavailable', message),
    });
    this.hosts = world.hosts.map((host) => ({
      ...{ host, files: new SimulatedLogFiles() },
      ...{ life: undefined, isOff: false, agent: undefined },
    }));
    const names = Array.from({ length: options.servers }, (_, i) => `server-${i + 1}`);
    this.servers = names.map((name) => ({ name, life: undefined, server: undefined }));
  }

  /** Makes the hosts; nothing runs yet. */
  static async create(options: InstallationOptions): Promise<Installation> {
    const { timeline, chance } = options;
    const world = await createWorld({
      hosts: options.hosts,
      clock: timeline.clock,
      random: chance.fork('world').random,
      agentBootMs: 200,
      cpus: 4,
      memoryMib: 2_048,
    });
    return new Installation(options, world);
  }

  /** The server of a name, while it serves. */
  readonly serverOf = (name: string): SimulatedServer | undefined =>
    this.servers.find((one) => one.name === name)?.server;

  /** Starts everything. */
  async start(): Promise<void> {
    for (const one of this.servers) await this.startServer(one);
    const [first] = this.servers;
    if (first?.server === undefined) throw new Error('the first server did not start');
    const { server } = first;
    for (const { host } of this.hosts) {
      this.#nodeIds.set(host.name, await server.join(host.name));
    }
    const { token } = await server.tokens.createApiToken({ name: 'user', expiresInSeconds: 0 });
    this.token = token;
    for (const one of this.hosts) await this.startAgent(one);
  }

  /** The id of the node of a host. */
  nodeId(host: SimulatedHost): string {
    return this.#nodeIds.get(host.name) ?? '';
  }

  /** Starts a server that doesn't run. */
  async startServer(one: ServerProcess): Promise<void> {
    if (one.life !== undefined) return;
    const { timeline, chance } = this.#options;
    const life = this.#live(one.name, () => {
      one.life = undefined;
      one.server = undefined;
      this.#later(() => this.startServer(one));
    });
    one.life = life;
    const { medium, mischief } = this;
    const store = new SimulatedStore({ medium, clock: life.clock });
    life.onDeath(() => void store.close());
    const guarded = life.guard(store, mischief.fate('store', one.name));
    const database = northbound;
    try {
      one.server = await startSimulatedServer({
        ...{ life, store: guarded, chance: chance.fork(`${one.name} ${this.#lives}`) },
        log: life.guard(this.#log),
        leadership: () => soleLeadership(guarded),
        connectNorthbound: () =>
          createOvsdbClient({
            ...{ database, endpoints: ['unix:fake'], timers: life.clock },
            dial: dialInLife(this.world.northbound.dial, life),
          }),
      });
      timeline.note(`${one.name} serves`);
    } catch (error) {
      timeline.note(`${one.name} did not start: ${String(error)}`);
      life.kill();
    }
  }

  /** Starts an agent that doesn't run, where its host has power. */
  async startAgent(one: HostProcess): Promise<void> {
    if (one.life !== undefined || one.isOff) return;
    const { chance } = this.#options;
    const { host, files } = one;
    const life = this.#live(host.name, () => {
      one.life = undefined;
      one.agent = undefined;
      this.#later(() => this.startAgent(one));
    });
    one.life = life;
    one.agent = await startSimulatedAgent({
      ...{ life, host, files, network: this.network, mischief: this.mischief, log: silentLog },
      nodeId: this.nodeId(host),
      chance: chance.fork(`${host.name} ${this.#lives}`),
      servers: this.servers.map(({ name }) => name),
      serverOf: this.serverOf,
    });
  }

  /** Cuts a host's power: agent, daemons and guests are gone at once. */
  powerOff(one: HostProcess): void {
    const { host, files, life } = one;
    this.#options.timeline.note(`${host.name} loses its power`);
    one.isOff = true;
    life?.kill();
    files.losePower(this.#options.chance);
    host.libvirtd.stop();
    host.ovs.setReachable(false);
    for (const domain of host.libvirtd.all()) if (domain.live !== undefined) domain.kill();
  }

  /** Gives it back. */
  async powerOn(one: HostProcess): Promise<void> {
    if (!one.isOff) return;
    const { host } = one;
    this.#options.timeline.note(`${host.name} has power again`);
    one.isOff = false;
    host.ovs.setReachable(true);
    host.libvirtd.restart();
    await this.startAgent(one);
  }

  /** Does something after a while, whoever lives then. */
  later(delayMs: number, fn: () => void): void {
    this.#options.timeline.clock.after(delayMs, fn);
  }

  /** Ends everything at once. */
  end(): void {
    this.#isOver = true;
    for (const { life } of [...this.servers, ...this.hosts]) life?.kill();
    this.world.stop();
  }

  #isOver = false;

  #live(name: string, onDeath: () => void): Life {
    const { timeline } = this.#options;
    this.#lives += 1;
    const life = new Life(name, timeline.clock);
    life.onDeath(() => {
      timeline.note(`${name} dies`);
      onDeath();
    });
    return life;
  }

  /** Starts something again after a while. */
  #later(start: () => Promise<void>): void {
    if (this.#isOver) return;
    const { timeline, chance } = this.#options;
    timeline.clock.after(chance.between(100, restartMsMax), () => {
      if (!this.#isOver) void start();
    });
  }

  readonly #log: Log = {
    ...silentLog,
    error: (message, fields = {}) => {
      const { timeline, onStrange } = this.#options;
      timeline.note(`error: ${message} ${textOf(fields)}`);
      // With a number in the log: nobody foresaw it.
      if ('errorId' in fields) onStrange(`${message} ${textOf(fields)}`);
    },
  };
}

function textOf(fields: LogFields): string {
  return JSON.stringify(fields, (_, value: unknown) => {
    if (value instanceof Error) return value.message;
    return typeof value === 'bigint' ? String(value) : value;
  });
}

/** Ids out of a run's chance. */
export const idsOf = (timeline: Timeline, chance: Chance): (() => string) =>
  createIds({ nowMs: () => timeline.clock.nowMs(), randomBytes: chance.bytes });
