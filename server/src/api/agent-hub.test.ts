import { create } from '@bufbuild/protobuf';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  type Desired,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import {
  NodeSchema,
  type NodeStatus,
  NodeStatusSchema,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import { VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { AgentView } from '../agent/agent-view.js';
import { silentLog } from '../log.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { AgentHub, type AgentHubOptions } from './agent-hub.js';

/** A hub over a view, and the agent of node `n1` by hand. */
function setup(write: AgentHubOptions['write'] = async () => undefined) {
  const clock = new VirtualClock(1_000);
  const view = new AgentView(contractTypes, () => clock.nowMs());
  const changes: string[] = [];
  const hub = new AgentHub({
    types: contractTypes,
    lookup: view,
    revision: () => 1n,
    clock,
    log: silentLog,
    write,
    onChange: ({ id }) => changes.push(id),
    leaseSeconds: 15,
    heartbeatSeconds: 5,
  });
  const set = (type: string, id: string, resource: AnyResource | undefined): void =>
    hub.changed(view.set({ type, id }, resource));
  set('node', 'n1', create(NodeSchema, { id: 'n1' }));
  return { clock, hub, changes, set };
}

/** Lets promises run that wait for nothing but each other. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function connect({ hub, clock }: ReturnType<typeof setup>) {
  const end = new AbortController();
  const says: ((request: ConnectRequest) => void)[] = [];
  async function* requests(): AsyncGenerator<ConnectRequest> {
    yield create(ConnectRequestSchema, { message: { case: 'hello', value: {} } });
    for (;;) yield await new Promise<ConnectRequest>((resolve) => says.push(resolve));
  }
  const stream = hub.serve('n1', requests(), end.signal);
  const next = async (): Promise<ConnectResponse['message']> => {
    const pending = stream.next();
    for (let turn = 0; turn < 4; turn += 1) {
      await settle();
      clock.advance(5);
    }
    return ((await pending) as { value: ConnectResponse }).value.message;
  };
  const desired = async (): Promise<Desired> => {
    const message = await next();
    if (message.case !== 'desired') throw new Error(`got ${message.case}`);
    return message.value;
  };
  const heartbeat = async (): Promise<void> => {
    const message = { case: 'heartbeat', value: {} } as const;
    says.shift()?.(create(ConnectRequestSchema, { message }));
    await settle();
  };
  const observe = async (message: string): Promise<void> => {
    const status = toBinary(
      NodeStatusSchema,
      create(NodeStatusSchema, { system: { os: message } }),
    );
    const items = [{ type: 'node', id: 'n1', status }];
    const observations = { case: 'observations', value: { items } } as const;
    says.shift()?.(create(ConnectRequestSchema, { message: observations }));
    await settle();
  };
  expect((await next()).case).toBe('welcome');
  expect((await desired()).snapshot).toBe(true);
  return { stream, desired, heartbeat, observe, end };
}

it('counts a node as connected for a lease after it was last heard of, and says when that ends', async () => {
  const world = setup();
  const { clock, hub, changes } = world;
  const agent = await connect(world);
  // The session's own work begins when its next message is asked for.
  const pending = agent.stream.next();
  await settle();
  clock.advance(10_000);
  await agent.heartbeat();
  clock.advance(10_000);
  expect(hub.isConnected('n1')).toBe(true);
  expect(hub.canAsk('n1')).toBe(true);
  changes.length = 0;
  agent.end.abort();
  await pending;
  expect(hub.canAsk('n1')).toBe(false);
  clock.advance(6_000);
  expect(hub.isConnected('n1')).toBe(false);
  expect(changes).toContain('n1');
});

it('writes what an older stream told before what a newer one tells, however long that takes', async () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const world = setup((_, [observation]) => {
    begun.push((observation?.status as NodeStatus | undefined)?.system?.os ?? '');
    return new Promise((resolve) => ends.push(resolve));
  });
  const older = await connect(world);
  const pending = older.stream.next();
  pending.catch(() => undefined);
  await settle();
  await older.observe('older');
  const newer = await connect(world);
  void newer.stream.next();
  await settle();
  await newer.observe('newer');
  expect(begun).toEqual(['older']);
  ends.shift()?.();
  await settle();
  expect(begun).toEqual(['older', 'newer']);
});

it('hears of a node while the store hangs, and writes what it told last when that goes on', async () => {
  const batches: string[][] = [];
  const ends: (() => void)[] = [];
  const world = setup((_, observations) => {
    const told = observations.map(({ status }) => (status as NodeStatus).system?.os ?? '');
    batches.push(told);
    return new Promise((resolve) => ends.push(resolve));
  });
  const { clock, hub } = world;
  const agent = await connect(world);
  let isOver = false;
  const pending = agent.stream.next().finally(() => {
    isOver = true;
  });
  pending.catch(() => undefined);
  await settle();
  await agent.observe('first');
  for (let i = 0; i < 12; i += 1) {
    clock.advance(5_000);
    await (i === 3 || i === 7 ? agent.observe(`at ${i}`) : agent.heartbeat());
    expect(hub.isConnected('n1')).toBe(true);
  }
  expect(isOver).toBe(false);
  expect(batches).toEqual([['first']]);
  ends.shift()?.();
  await settle();
  expect(batches).toEqual([['first'], ['at 7']]);
  agent.end.abort();
  await pending;
});

it('ends a stream whose observations can not be written', async () => {
  const world = setup(() => Promise.reject(new Error('the disk is full')));
  const agent = await connect(world);
  const pending = agent.stream.next();
  pending.catch(() => undefined);
  await settle();
  await agent.observe('lost');
  await expect(pending).rejects.toThrow('the disk is full');
});

it('ends a stream that says nothing for three heartbeats', async () => {
  const world = setup();
  const agent = await connect(world);
  const pending = agent.stream.next();
  pending.catch(() => undefined);
  await settle();
  world.clock.advance(15_000);
  await expect(pending).rejects.toThrow(/no sign of life/);
});

it('tells of a network with its first port there, and keeps it while one is left', async () => {
  const world = setup();
  const { set } = world;
  const agent = await connect(world);
  const bring = (name: string): void => {
    const owner = { type: 'vm', id: name, device: 'lan' };
    const id = `${name}-lan`;
    set('port', id, create(PortSchema, { id, owner, spec: { networkId: 'net' } }));
    const status = { nodeId: 'n1', nics: { lan: { portId: id } } };
    set('vm', name, create(VirtualMachineSchema, { id: name, status }));
  };
  const drop = (name: string): void => {
    set('vm', name, undefined);
    set('port', `${name}-lan`, undefined);
  };
  set('network', 'net', create(VirtualNetworkSchema, { id: 'net' }));
  bring('a');
  const first = await agent.desired();
  expect(first.upserts.map(({ type }) => type).sort()).toEqual(['network', 'port', 'vm']);
  // The last port goes and another comes before the node is told.
  drop('a');
  bring('b');
  const second = await agent.desired();
  expect(second.removals.map(({ id }) => id).sort()).toEqual(['a', 'a-lan']);
  expect(second.upserts.map(({ type }) => type).sort()).toEqual(['port', 'vm']);
  drop('b');
  const third = await agent.desired();
  expect(third.removals.map(({ id }) => id).sort()).toEqual(['b', 'b-lan', 'net']);
});
