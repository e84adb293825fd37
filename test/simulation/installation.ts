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
import { EtcdLeadership } from '../../server/src/store/etcd/leadership.js';
import { type Leadership, soleLeadership } from '../../server/src/store/leadership.js';
import type { Telemetry } from '../../server/src/telemetry.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { northbound } from '../../server/src/wire/ovsdb/northbound.js';
import { startSimulatedAgent } from './agent.js';
import type { Chance } from './chance.js';
import { dialInLife } from './dial.js';
import { type LeaseOptions, Leases, leaseStore } from './leases.js';
import { Life } from './life.js';
import { SimulatedLogFiles } from './log-files.js';
import { Medium } from './medium.js';
import { Mischief } from './mischief.js';
import type { Seams } from './mutations.js';
import { Network } from './network.js';
import { type SimulatedServer, startSimulatedServer } from './server.js';
import { SimulatedStore, type Way } from './store.js';
import type { Timeline } from './timeline.js';

/** What an installation is made of. */
export interface InstallationOptions {
  readonly timeline: Timeline;
  readonly chance: Chance;
  readonly hosts: number;
  readonly servers: number;
  readonly seams: Seams;
  /** Told of what is never right, such as an error that nobody foresaw. */
  readonly onStrange: (what: string) => void;
  /** Takes how the servers' commits and passes end; nobody without it. */
  readonly telemetry?: Telemetry | undefined;
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
/** How long a call to a shared store waits for it, and how late its watch may be. */
const deadlineMs = 10_000;
const watchDelaysMsMax = [5, 50, 300];

/** The installation; `create` it, then `start`. */
export class Installation {
  readonly medium = new Medium();
  readonly network: Network;
  readonly mischief: Mischief;
  readonly world: World;
  readonly hosts: readonly HostProcess[];
  readonly servers: readonly ServerProcess[];
  /** Commits that count although another server decides: none, but in a mutation. */
  readonly strayDecisions: string[] = [];
  /** The token of an administrator. */
  token = '';
  readonly #options: InstallationOptions;
  readonly #nodeIds = new Map<string, string>();
  readonly #leases: Leases;
  /** Until when a server doesn't reach the shared store. */
  readonly #storeCutsMs = new Map<string, number>();
  #lives = 0;

  private constructor(options: InstallationOptions, world: World) {
    const { timeline, chance } = options;
    this.#options = options;
    this.world = world;
    this.#leases = new Leases(timeline.clock);
    this.mischief = new Mischief(chance.fork('mischief'), (line) => timeline.note(line));
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
      // Room for two to six of the machines that are declared.
      memoryMib: chance.fork('room').pick([1_536, 2_048]),
    });
    return new Installation(options, world);
  }

  /** The server of a name, while it serves. */
  readonly serverOf = (name: string): SimulatedServer | undefined =>
    this.servers.find((one) => one.name === name)?.server;

  /** Starts everything. */
  async start(): Promise<void> {
    this.#syncNowAndThen();
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
      this.#losePowerOfStore();
      this.#later(() => this.startServer(one));
    });
    one.life = life;
    const store = this.#openStore(one.name, life);
    const database = northbound;
    try {
      one.server = await startSimulatedServer({
        ...{ life, store: store.own, chance: chance.fork(`${one.name} ${this.#lives}`) },
        log: life.guard(this.#log),
        leadership: store.leadership,
        seams: this.#options.seams,
        telemetry: this.#options.telemetry,
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
    const { timeline, chance } = this.#options;
    const { host, files } = one;
    const life = this.#live(host.name, () => {
      one.life = undefined;
      one.agent = undefined;
      this.#later(() => this.startAgent(one));
    });
    one.life = life;
    try {
      one.agent = await startSimulatedAgent({
        ...{ life, host, files, network: this.network, mischief: this.mischief },
        log: life.guard(this.#agentLog(host.name)),
        nodeId: this.nodeId(host),
        chance: chance.fork(`${host.name} ${this.#lives}`),
        servers: this.servers.map(({ name }) => name),
        serverOf: this.serverOf,
        seams: this.#options.seams,
      });
    } catch (error) {
      timeline.note(`the agent of ${host.name} did not start: ${String(error)}`);
      life.kill();
    }
  }

  /** Cuts a server off from the store that it shares with others. */
  cutStore(name: string, forMs: number): void {
    const { timeline } = this.#options;
    timeline.note(`${name} does not reach the store for ${forMs} ms`);
    this.#storeCutsMs.set(name, timeline.clock.nowMs() + forMs);
  }

  /** Ends all that is wrong with the ways to the store. */
  healStore(): void {
    this.#storeCutsMs.clear();
  }

  /** The store as a server has it: its own file where it is alone, or one that servers share. */
  #openStore(name: string, life: Life) {
    const { timeline, chance, servers, seams } = this.#options;
    const own = chance.fork(`store of ${name} ${this.#lives}`);
    const { medium, mischief } = this;
    const isCut = (): boolean => (this.#storeCutsMs.get(name) ?? 0) > timeline.clock.nowMs();
    const isShared = servers > 1;
    const watchDelayMsMax = own.pick(watchDelaysMsMax);
    const way: Way = {
      delaysMs: () => (isCut() ? [deadlineMs, 0] : [own.below(3), own.below(3)]),
      fault: () => (isCut() ? 'not-there' : undefined),
      watchDelayMs: () => own.below(isCut() ? deadlineMs : watchDelayMsMax),
    };
    const store = new SimulatedStore({ medium, clock: life.clock, ...(isShared && { way }) });
    life.onDeath(() => void store.close());
    const guarded = life.guard(store, mischief.fate('store', name));
    const mutated = seams.store?.(guarded, own) ?? guarded;
    const lease: LeaseOptions = {
      clock: life.clock,
      way: { isCut, delayMs: () => own.below(3) },
      isAllowed: (leads) => {
        if (!seams.isFenceMissing) return leads === 'this one';
        if (leads === 'another one') this.strayDecisions.push(`${name} decided, and does not lead`);
        return true;
      },
    };
    const leadership = ({ onChange }: { readonly onChange: () => void }): Leadership => {
      if (!isShared) return soleLeadership(mutated);
      return new EtcdLeadership({
        store: leaseStore(this.#leases, guarded, lease),
        timers: life.clock,
        monotonicMs: () => timeline.clock.nowMs(),
        ...{ id: life.name, onChange, onFailure: () => undefined },
      });
    };
    return { own: mutated, leadership };
  }

  /** In a mutation, what was committed is on disk only a while later. */
  #syncNowAndThen(): void {
    const { seams, timeline } = this.#options;
    if (seams.syncedAfterMs === undefined || this.#isOver) return;
    this.medium.sync();
    timeline.clock.after(seams.syncedAfterMs, () => this.#syncNowAndThen());
  }

  #losePowerOfStore(): void {
    if (this.#options.seams.syncedAfterMs === undefined) return;
    this.medium.losePower();
    this.onStoreLoss();
  }

  /** Called when commits were lost. */
  onStoreLoss: () => void = () => undefined;

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

  /** What an agent logs is a part of the trace. */
  #agentLog(name: string): Log {
    const note = (message: string, fields: LogFields = {}): void =>
      this.#options.timeline.note(`${name}: ${message} ${textOf(fields)}`);
    return { debug: () => undefined, info: note, warn: note, error: note };
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
