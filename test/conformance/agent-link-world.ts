/** A hub over a view and an agent of one node, whose link can be lost after any message. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  type VirtualMachine,
  VirtualMachineSchema,
  type VirtualMachineStatus,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { Agent } from '../../server/src/agent/agent.js';
import { AgentView } from '../../server/src/agent/agent-view.js';
import type { OpenStream } from '../../server/src/agent/connection.js';
import { Replica } from '../../server/src/agent/replica.js';
import { AgentHub } from '../../server/src/api/agent-hub.js';
import type { NodeObservation } from '../../server/src/api/status-writer.js';
import { silentLog } from '../../server/src/log.js';
import type { Clock } from '../../server/src/reconcile/clock.js';
import type { Driver } from '../../server/src/reconcile/driver.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { AgentLink, StartedLink } from './agent-links.js';

export const nodeId = '00000000-0000-7000-8000-000000000001';
const waitMs = 20_000;
/** Pauses are so much shorter. */
const speed = 10;

const clock: Clock = {
  nowMs: () => Date.now() * speed,
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs / speed);
    return () => clearTimeout(timer);
  },
};

/** Where a link is lost: after so many messages of a stream, down or up. Once. */
export interface LinkFault {
  readonly way: 'down' | 'up';
  readonly messages: number;
}

/** The two ends. */
export class LinkWorld {
  readonly view = new AgentView(contractTypes, () => clock.nowMs());
  /** What was written of observations, in order. */
  readonly written: NodeObservation[] = [];
  /** What the node has, and how often it was made. */
  readonly running = new Map<string, bigint>();
  applied = 0;
  streams = 0;
  fault: LinkFault | undefined;
  readonly hub = new AgentHub({
    types: contractTypes,
    lookup: this.view,
    revision: () => 1n,
    clock,
    log: silentLog,
    write: async (_node, observations) => void this.written.push(...observations),
    onChange: () => undefined,
    causeOf: ({ labels }) => labels['cause'] ?? '',
    heartbeatSeconds: 2,
  });
  readonly #directory = mkdtempSync(join(tmpdir(), 'lqx-link-agent-'));
  readonly #agents: Agent[] = [];

  private constructor(readonly link: StartedLink) {
    this.#put('node', create(NodeSchema, { id: nodeId, name: 'one' }));
  }

  static async start(way: AgentLink): Promise<LinkWorld> {
    let link: StartedLink | undefined;
    const open: OpenStream = (...args) => {
      if (link === undefined) throw new Error('the link is not open yet');
      return link.open(...args);
    };
    const world = new LinkWorld({ open, stop: async () => link?.stop() });
    link = await way.start(world.hub, nodeId);
    return world;
  }

  /** Wants a machine, in a version of its spec. */
  want(id: string, generation = 1n, fields: Partial<VirtualMachine> = {}): void {
    const machine = create(VirtualMachineSchema, {
      ...{ id, name: id, generation, spec: { cpu: { cores: 1 } }, status: { nodeId } },
    });
    this.#put('vm', Object.assign(machine, fields));
  }

  /** Wants a machine to go. */
  remove(id: string): void {
    this.want(id, 1n, { deletionRequestedAt: timestampFromMs(1) });
  }

  /** A machine is no longer of this node. */
  drop(id: string): void {
    this.hub.changed(this.view.set({ type: 'vm', id }, undefined));
  }

  /** The newest generation that the node has said to have brought about. */
  toldOf(id: string): bigint {
    const status = this.written.findLast(({ key }) => key.id === id)?.status;
    return (status as VirtualMachineStatus | undefined)?.nodeGeneration ?? 0n;
  }

  isRemoved(id: string): boolean {
    return this.hub.isRemoved(nodeId, { type: 'vm', id });
  }

  /** Starts the agent, with what it kept on disk. */
  async startAgent(): Promise<Agent> {
    const agent = new Agent({
      ...{ nodeId, types: contractTypes, clock, log: silentLog, random: () => 0.5 },
      replica: await Replica.open(this.#directory, readId),
      open: (requests, signal) => this.#open(requests, signal),
      drivers: () => [this.#driver()],
      agentVersion: '1',
      session: `session-${this.#agents.length}`,
    });
    this.#agents.push(agent);
    agent.start();
    return agent;
  }

  /** Ends the streams that there are; agents dial again. */
  breakStreams(): void {
    this.hub.stop();
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const endMs = Date.now() + waitMs;
    while (!holds()) {
      if (Date.now() > endMs) throw new Error(`not within ${waitMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents.splice(0)) await agent.stop();
    this.hub.stop();
    await this.link.stop();
    rmSync(this.#directory, { recursive: true });
  }

  async *#open(...[requests, signal]: Parameters<OpenStream>): ReturnType<OpenStream> {
    this.streams += 1;
    const fault = this.fault;
    const counted = fault?.way === 'up' ? this.#lost(requests, fault) : requests;
    const responses = this.link.open(counted, signal);
    yield* fault?.way === 'down' ? this.#lost(responses, fault) : responses;
  }

  async *#lost<T>(messages: AsyncIterable<T>, fault: LinkFault): AsyncGenerator<T> {
    let left = fault.messages;
    for await (const message of messages) {
      if (left === 0 && this.fault === fault) {
        this.fault = undefined;
        throw new Error('the link was lost');
      }
      left -= 1;
      yield message;
    }
  }

  #put(type: string, resource: AnyResource): void {
    this.hub.changed(this.view.set({ type, id: resource.id }, resource));
  }

  #driver(): Driver {
    const driver: Driver<VirtualMachine, bigint, string, VirtualMachineStatus> = {
      type: 'vm',
      runsOn: 'node',
      observe: async ({ id }) => this.running.get(id) ?? 0n,
      diff: ({ generation }, has) => ({
        actions: has === generation ? [] : ['make'],
        status: create(VirtualMachineStatusSchema, { nodeGeneration: has }),
      }),
      apply: async ({ id, generation }) => {
        this.applied += 1;
        this.running.set(id, generation);
      },
      remove: async ({ id }) => {
        this.running.delete(id);
        return { gone: true };
      },
    };
    const cleaning = {
      inventory: async () => [...this.running.keys()].map((id) => ({ type: 'vm', id })),
      removeStray: async (id: string) => void this.running.delete(id),
    };
    return { ...driver, ...cleaning } as unknown as Driver;
  }
}

function readId(type: string, bytes: Uint8Array): string {
  return (fromBinary(contractTypes.get(type).message, bytes) as AnyResource).id;
}
