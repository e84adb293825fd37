/**
 * Several control planes on one etcd, with simulated hosts that outlive them, in this process: each
 * server has its own store client and listener, and can be killed, so that nothing of it reaches
 * etcd or OVN any more and its lease is left to run out. Agents know the URLs of all.
 */
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Transport } from '@connectrpc/connect';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { connectControlPlane } from '../../server/src/agent/control-plane.js';
import { type HostAgent, startHostAgent } from '../../server/src/agent/host.js';
import { join as joinControlPlane } from '../../server/src/agent/join.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock, systemRandom } from '../../server/src/bin/effects.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import type { Log } from '../../server/src/log.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { createWorld, type World } from '../../server/src/simulate/world.js';
import { type EtcdStore, openEtcdStore } from '../../server/src/store/etcd/etcd.js';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import type { Northbound } from '../../server/src/wire/ovsdb/northbound.js';
import { freePort } from './control-plane.js';
import { scratchDir } from './paths.js';

const agentBootMs = 50;
const kernel = {
  hasOpenVSwitch: () => Promise.resolve(true),
  loadOpenVSwitch: () => Promise.resolve(),
};

/** One of the servers. */
export interface OneServer {
  readonly name: string;
  readonly running: RunningServer;
  readonly store: EtcdStore;
  readonly transport: Transport;
  readonly client: ResourceClient;
  /** How many connections to OVN's northbound it has open. */
  readonly northbounds: Set<OvsdbApi<Northbound>>;
}

/** The installation. */
export class ServerPair {
  readonly world: World;
  readonly servers = new Map<string, OneServer>();
  readonly #dir = scratchDir('pair');
  readonly #ports: ReadonlyMap<string, number>;
  readonly #etcd: readonly string[];
  readonly #prefix = `${randomUUID()}/`;
  readonly #agents: { readonly running: HostAgent; readonly close: () => void }[] = [];
  readonly #log: (name: string) => Log;

  private constructor(
    etcd: readonly string[],
    world: World,
    parts: { ports: ReadonlyMap<string, number>; log: (name: string) => Log },
  ) {
    this.#etcd = etcd;
    this.world = world;
    this.#ports = parts.ports;
    this.#log = parts.log;
  }

  /** Starts two servers, `a` first, and joins two hosts. */
  static async up(etcd: readonly string[], log: (name: string) => Log): Promise<ServerPair> {
    const random = systemRandom;
    const world = await createWorld({ hosts: 2, clock: systemClock, random, agentBootMs });
    const ports = new Map([
      ['a', await freePort()],
      ['b', await freePort()],
    ]);
    const pair = new ServerPair(etcd, world, { ports, log });
    await pair.start('a');
    // What servers share besides etcd: the authority, and the content of images.
    cpSync(join(pair.#dir, 'a/ca'), join(pair.#dir, 'b/ca'), { recursive: true });
    symlinkSync(join(pair.#dir, 'a/images'), join(pair.#dir, 'b/images'));
    await pair.start('b');
    return pair;
  }

  get(name: string): OneServer {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`server ${name} doesn't run`);
    return server;
  }

  /** Starts a server, with what it kept on disk. */
  async start(name: string): Promise<void> {
    const dataDirectory = join(this.#dir, name);
    mkdirSync(dataDirectory, { recursive: true });
    const northbounds = new Set<OvsdbApi<Northbound>>();
    let opened: EtcdStore | undefined;
    const running = await startServer({
      dataDirectory,
      listen: [`127.0.0.1:${this.#ports.get(name)}`],
      names: [],
      simulate: 0,
      connectNorthbound: () => {
        const northbound = this.world.connectNorthbound();
        northbounds.add(northbound);
        const { close } = northbound;
        northbound.close = () => {
          northbounds.delete(northbound);
          close.call(northbound);
        };
        return northbound;
      },
      openStore: async ({ nowMs }) => {
        opened = await openEtcdStore({
          endpoints: this.#etcd,
          prefix: this.#prefix,
          nowMs,
          timers: systemClock,
          writer: randomUUID(),
        });
        return opened;
      },
      clock: systemClock,
      random: systemRandom,
      log: this.#log(name),
      version: 'test',
    });
    if (opened === undefined) throw new Error('no store was opened');
    const transport = createTransport(running.profile);
    const client = new ResourceClient(transport);
    this.servers.set(name, { name, running, store: opened, transport, client, northbounds });
  }

  /** Kills a server: from now on nothing that it does has an effect. */
  async kill(name: string): Promise<void> {
    const { store, northbounds, running } = this.get(name);
    this.servers.delete(name);
    store.client.close();
    for (const northbound of northbounds) northbound.close();
    await running.stop().catch(() => undefined);
  }

  /** Asks a server to end. */
  async stop(name: string): Promise<void> {
    const { running } = this.get(name);
    this.servers.delete(name);
    await running.stop();
  }

  /** Joins every host at a server and starts the agents, which know all servers. */
  async joinHosts(name: string): Promise<void> {
    const tokens = createClient(TokenService, this.get(name).transport);
    const urlOf = (one: string): string => `https://127.0.0.1:${this.#ports.get(one)}`;
    const serverUrl = [name, ...[...this.#ports.keys()].filter((one) => one !== name)]
      .map(urlOf)
      .join(',');
    for (const host of this.world.hosts) {
      const nodeName = host.name;
      const { token: joinToken } = await tokens.createJoinToken({ nodeName });
      const identity = await joinControlPlane({ serverUrl, joinToken, nodeName });
      const controlPlane = connectControlPlane(serverUrl, identity);
      const running = await startHostAgent({
        nodeId: identity.nodeId,
        types: contractTypes,
        directory: join(this.#dir, nodeName),
        controlPlane,
        backends: {
          libvirt: () => host.libvirtd.connect(),
          disks: host.disks,
          files: host.files,
          ovs: host.ovs.connect(systemClock),
          kernel,
        },
        facts: { hostname: nodeName, os: 'simulated', kernelRelease: 'simulated' },
        southbound: 'tcp:192.0.2.1:6642',
        encapIp: '192.0.2.2',
        clock: systemClock,
        random: systemRandom,
        log: this.#log(nodeName),
        agentVersion: 'test',
        session: randomUUID(),
      });
      this.#agents.push({ running, close: () => controlPlane.close() });
    }
  }

  async down(): Promise<void> {
    for (const { running, close } of this.#agents) {
      close();
      await running.stop();
    }
    for (const name of [...this.servers.keys()]) await this.stop(name);
    this.world.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
