import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import {
  NodeCpuSchema,
  NodeMemorySchema,
  NodeSchema,
  type NodeStatus,
  NodeSystemSchema,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
  type VirtualMachineStatus,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type StoragePool,
  StoragePoolSchema,
  type StoragePoolStatus,
  StoragePoolStatusSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { AgentHub } from '../api/agent-hub.js';
import type { NodeObservation } from '../api/status-writer.js';
import { silentLog } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import type { Driver } from '../reconcile/driver.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { Agent, type AgentOptions } from './agent.js';
import { AgentView } from './agent-view.js';
import type { OpenStream } from './connection.js';
import { machineLogFiles } from './log-files.js';
import { createNodeDriver } from './node-facts.js';
import { Replica } from './replica.js';
import { logFilesWith } from './test-log-files.js';

const clock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
};

const nodeFacts = {
  cpu: create(NodeCpuSchema),
  memory: create(NodeMemorySchema),
  system: create(NodeSystemSchema, { hypervisor: 'QEMU' }),
};

const deadlineMs = 4_000;

/** Waits until a condition holds; fails with what was seen otherwise. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The control plane, as far as an agent sees it: a view and a hub over it. */
class World {
  readonly view = new AgentView(contractTypes, () => clock.nowMs());
  readonly written: NodeObservation[] = [];
  readonly changes: string[] = [];
  sent = 0;
  readonly hub = new AgentHub({
    types: contractTypes,
    lookup: this.view,
    revision: () => 1n,
    clock,
    log: silentLog,
    write: async (_node, observations) => {
      this.written.push(...observations);
    },
    onChange: ({ type, id }) => this.changes.push(`${type}/${id}`),
    heartbeatSeconds: 1,
  });

  readonly open: OpenStream = (requests, signal) => this.#count(requests, signal);

  put(type: string, resource: AnyResource): void {
    this.hub.changed(this.view.set({ type, id: resource.id }, resource));
  }

  drop(type: string, id: string): void {
    this.hub.changed(this.view.set({ type, id }, undefined));
  }

  /** The newest power state that was written for a machine. */
  powerOf(id: string): PowerState | undefined {
    const status = this.written.filter(({ key }) => key.id === id).at(-1)?.status;
    return (status as VirtualMachineStatus | undefined)?.powerState;
  }

  async *#count(...args: Parameters<OpenStream>): ReturnType<OpenStream> & AsyncGenerator {
    for await (const message of this.hub.serve('node-1', ...args)) {
      this.sent += 1;
      yield message;
    }
  }
}

const machine = (id: string, fields: Partial<VirtualMachine> = {}): VirtualMachine =>
  Object.assign(
    create(VirtualMachineSchema, {
      id,
      name: id,
      generation: 1n,
      spec: { cpu: { cores: 1 } },
      status: { nodeId: 'node-1' },
    }),
    fields,
  );

/** A host on which machines are names in a set. */
class Host {
  readonly running = new Set<string>();
  refuse: LimiError | undefined;

  readonly drivers = (): readonly Driver[] => [this.#vm() as unknown as Driver];

  #vm() {
    const host = this;
    return {
      type: 'vm',
      runsOn: 'node' as const,
      async observe({ id }: VirtualMachine) {
        if (host.refuse !== undefined) throw host.refuse;
        return host.running.has(id);
      },
      diff: (vm: VirtualMachine, runs: boolean) => ({
        actions: runs ? [] : ['start'],
        status: create(VirtualMachineStatusSchema, {
          powerState: PowerState.RUNNING,
          nodeGeneration: vm.generation,
          nodeId: 'a driver on a node has no say in this',
        }),
      }),
      apply: async ({ id }: VirtualMachine) => void host.running.add(id),
      remove: async ({ id }: VirtualMachine) => {
        host.running.delete(id);
        return { gone: true as const };
      },
      inventory: async () => [...host.running].map((id) => ({ type: 'vm', id })),
      removeStray: async (id: string) => void host.running.delete(id),
    };
  }
}

describe('Agent', () => {
  let directory = '';
  let world = new World();
  let host = new Host();
  const agents: Agent[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lqx-agent-'));
    world = new World();
    host = new Host();
    world.put('node', create(NodeSchema, { id: 'node-1', name: 'one' }));
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
    world.hub.stop();
    await rm(directory, { recursive: true });
  });

  async function startAgent(
    open: OpenStream = world.open,
    drivers: AgentOptions['drivers'] = host.drivers,
    files = machineLogFiles,
  ): Promise<Agent> {
    const readId = (type: string, bytes: Uint8Array): string =>
      (fromBinary(contractTypes.get(type).message, bytes) as AnyResource).id;
    const agent = new Agent({
      nodeId: 'node-1',
      types: contractTypes,
      replica: await Replica.open(directory, readId, files),
      open,
      drivers,
      clock,
      random: () => 0.5,
      log: silentLog,
      agentVersion: '1',
      session: 'a',
    });
    agents.push(agent);
    agent.start();
    return agent;
  }

  /** A control plane that can't be reached. */
  const noServer: OpenStream = async function* () {
    yield* [];
    throw new Error('unreachable');
  };

  it('brings about what concerns its node, and says so', async () => {
    world.put('vm', machine('vm-1'));
    world.put('vm', machine('vm-2', { status: create(VirtualMachineStatusSchema) }));
    await startAgent();
    await until(() => world.powerOf('vm-1') === PowerState.RUNNING, 'an observation of vm-1');
    expect(host.running).toEqual(new Set(['vm-1']));
    const [{ status }] = world.written as [NodeObservation];
    expect((status as VirtualMachineStatus).nodeId).toBe('');
    expect(world.hub.isConnected('node-1')).toBe(true);
  });

  it('is told of a change that means something to it, and of no other', async () => {
    world.put('vm', machine('vm-1'));
    await startAgent();
    await until(() => world.powerOf('vm-1') === PowerState.RUNNING, 'vm-1 to run');
    const before = world.sent;
    const echo = create(VirtualMachineStatusSchema, { nodeId: 'node-1', restartCount: 3 });
    world.put('vm', machine('vm-1', { status: echo, revision: 7n }));
    world.put('vm', machine('vm-1', { generation: 2n }));
    const last = () => world.written.at(-1)?.status as VirtualMachineStatus | undefined;
    await until(() => last()?.nodeGeneration === 2n, 'generation 2 to be brought about');
    expect(world.sent).toBe(before + 1);
  });

  it('removes a machine under deletion and says that it is removed, on each new stream', async () => {
    const going = machine('vm-1', { deletionRequestedAt: timestampFromMs(1) });
    host.running.add('vm-1');
    world.put('vm', going);
    await startAgent();
    const isRemoved = () => world.hub.isRemoved('node-1', { type: 'vm', id: 'vm-1' });
    await until(isRemoved, 'the removal');
    expect(host.running.size).toBe(0);
    expect(world.changes).toContain('vm/vm-1');
    world.hub.stop();
    await until(() => !isRemoved(), 'a new stream');
    await until(isRemoved, 'the removal on the new stream');
    world.drop('vm', 'vm-1');
    expect(isRemoved()).toBe(false);
  });

  it('keeps its machines running without the control plane', async () => {
    world.put('vm', machine('vm-1'));
    const first = await startAgent();
    await until(() => host.running.has('vm-1'), 'vm-1 to run');
    await first.stop();
    host.running.clear();
    await startAgent(noServer);
    await until(() => host.running.has('vm-1'), 'vm-1 to run again');
  });

  it('removes what nobody wants, once it knows what is wanted', async () => {
    host.running.add('stray');
    const first = await startAgent(noServer);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(host.running).toContain('stray');
    await first.stop();
    world.put('vm', machine('vm-1'));
    await startAgent();
    await until(() => !host.running.has('stray') && host.running.has('vm-1'), 'the stray to go');
    const moved = create(VirtualMachineStatusSchema, { nodeId: 'node-2' });
    world.put('vm', machine('vm-1', { status: moved }));
    await until(() => !host.running.has('vm-1'), 'a machine that moved to go');
  });

  it('tells why a machine is not brought about, and whether trying again is in vain', async () => {
    host.refuse = new LimiError({
      code: Code.FailedPrecondition,
      reason: 'NO_MACHINE_TYPE',
      message: 'this node has no such machine type',
    });
    world.put('vm', machine('vm-1'));
    await startAgent();
    await until(() => world.written.length > 0, 'an observation');
    expect(world.written[0]?.status).toMatchObject({
      nodeMessage: 'this node has no such machine type',
      nodeFailed: true,
    });
    host.refuse = undefined;
    await until(() => world.powerOf('vm-1') === PowerState.RUNNING, 'vm-1 to run');
    expect(world.written.at(-1)?.status).toMatchObject({ nodeMessage: '', nodeFailed: false });
  });

  it('tells on the same stream that its disk takes nothing, and goes on when it does', async () => {
    world.put('vm', machine('vm-1'));
    let streams = 0;
    let isFull = false;
    const facts = async () => ({ ...nodeFacts });
    await startAgent(
      (...call) => {
        streams += 1;
        return world.open(...call);
      },
      ({ fault }) => [
        ...host.drivers(),
        createNodeDriver({ facts, fault, log: silentLog }) as unknown as Driver,
      ],
      logFilesWith(({ sync }) => ({
        sync() {
          const full = Object.assign(new Error('/secret/path'), { code: 'ENOSPC' });
          return isFull ? Promise.reject(full) : sync();
        },
      })),
    );
    await until(() => host.running.has('vm-1'), 'vm-1 to run');
    isFull = true;
    world.put('vm', machine('vm-2'));
    const told = (): string | undefined => {
      const statuses = world.written.filter(({ key }) => key.id === 'node-1');
      return (statuses.at(-1)?.status as NodeStatus | undefined)?.nodeMessage;
    };
    await until(() => told()?.includes('(ENOSPC)') === true, 'the fault');
    expect(told()).not.toContain('/secret');
    expect(host.running).not.toContain('vm-2');
    isFull = false;
    await until(() => host.running.has('vm-2') && told() === '', 'vm-2 to run');
    expect(streams).toBe(1);
  });

  it("puts a pool's failure into its node's entry, on top of what it last observed", async () => {
    let isBroken = false;
    const driver = {
      type: 'storage_pool',
      runsOn: 'node' as const,
      observe: async () => {
        if (isBroken) throw new Error('EIO /secret/path');
      },
      diff: () => ({
        actions: [],
        status: create(StoragePoolStatusSchema, {
          nodes: { 'node-1': { ready: true, totalBytes: 10n }, other: { ready: true } },
        }),
        againAfterMs: 20,
      }),
      apply: async () => undefined,
      remove: async () => ({ gone: true as const }),
    };
    const pool: StoragePool = create(StoragePoolSchema, { id: 'pool-1', name: 'p', spec: {} });
    world.put('storage_pool', pool);
    await startAgent(world.open, () => [driver as unknown as Driver]);
    await until(() => world.written.length > 0, 'an observation');
    isBroken = true;
    await until(() => world.written.length > 1, 'an observation of the failure');
    const [first, second] = world.written.map(({ status }) => status as StoragePoolStatus);
    expect(Object.keys(first?.nodes ?? {})).toEqual(['node-1']);
    expect(second?.nodes['node-1']).toMatchObject({ ready: true, totalBytes: 10n });
    expect(second?.nodes['node-1']?.message).toMatch(/unexpected failure/);
  });
});
