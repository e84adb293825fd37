/** Machines and fleets that wait for room are asked again by every change that may give it. */
import { create } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { type VmFleet, VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { AgentView } from '../../agent/agent-view.js';
import { createValidate } from '../../api/validation.js';
import { Capacity } from '../../decide/capacity.js';
import { waitsForRoomMs } from '../../decide/made-room.js';
import type { AnyResource } from '../../resource/resource.js';
import { contractTypes } from '../../resource/type-registry.js';
import { VmControlDriver } from './vm.js';
import { VmFleetControlDriver } from './vm-fleet.js';

const links = { isConnected: () => true, lastHeardMs: () => 0, isRemoved: () => true };
const nothing = () => Promise.resolve();

function vm(id: string, sizeMib: bigint, nodeId = '', more: object = {}): VirtualMachine {
  return create(VirtualMachineSchema, {
    id,
    name: id,
    projectId: 'default',
    generation: 1n,
    spec: { memory: { sizeMib }, ...more },
    status: { nodeId },
  });
}

function fleet(id: string, nodeIds: readonly string[]): VmFleet {
  const reservations = Object.fromEntries(
    nodeIds.map((nodeId, i) => [String(i), { nodeId, vcpus: 1, memoryMib: 1024n }]),
  );
  const template = { case: 'vm', value: { memory: { sizeMib: 1024n } } } as const;
  const spec = { replicas: 2, template };
  return create(VmFleetSchema, {
    id,
    name: id,
    projectId: 'default',
    spec,
    status: { reservations },
  });
}

/** A node of 1 GiB with what is on it, and drivers of machines and fleets. */
function world(...resources: readonly (readonly [string, AnyResource])[]) {
  const view = new AgentView(contractTypes, () => 10_000);
  const capacity = new Capacity();
  const vms = new VmControlDriver({ capacity, links, requestDeletion: nothing, disown: nothing });
  const fleets = new VmFleetControlDriver({
    ...{ capacity, newId: () => 'new', validate: createValidate(), write: nothing },
    ...{ vmType: contractTypes.get('vm'), requestDeletion: nothing },
  });
  /** Sets a resource; gives the names of those that are to be looked at then. */
  const put = (type: string, id: string, resource: AnyResource | undefined): string[] => {
    const change = view.set({ type, id }, resource);
    capacity.changed(change);
    const keys = [...vms.triggers(change, view), ...fleets.triggers(change, view)];
    return [...new Set(keys.map((key) => key.id))].sort();
  };
  const node = create(NodeSchema, {
    id: 'n1',
    name: 'n1',
    status: { phase: NodePhase.READY, cpu: { total: 4 }, memory: { totalMib: 1536n } },
  });
  put('node', 'n1', node);
  for (const [type, resource] of resources) put(type, resource.id, resource);
  /** Lets a machine look for a node; its difference. */
  const look = async (one: VirtualMachine) => {
    put('vm', one.id, one);
    return vms.diff(one, await vms.observe(one, view), view);
  };
  return { view, put, look, fleets };
}

test('a machine that waits is looked at when another goes, shrinks, or leaves the node', async () => {
  const { put, look } = world(['vm', vm('big', 1024n, 'n1')], ['vm', vm('other', 1n, 'n1')]);
  const { status, againAfterMs } = await look(vm('waiting', 512n));
  expect(status?.nodeId).toBe('');
  expect(againAfterMs).toBe(waitsForRoomMs);
  expect(put('vm', 'other', vm('other', 2n, 'n1'))).toEqual([]);
  const smaller = { ...vm('big', 512n, 'n1'), generation: 2n };
  expect(put('vm', 'big', smaller)).toEqual(['waiting']);
  expect(put('vm', 'other', vm('other', 2n))).toEqual(['waiting']);
  expect(put('vm', 'big', undefined)).toEqual(['waiting']);
});

test('a machine that waits is looked at when a fleet needs less room, or none', async () => {
  const { put, look } = world(['vm_fleet', fleet('f', ['n1', 'n1'])]);
  expect((await look(vm('waiting', 512n))).status?.nodeId).toBe('');
  expect(put('vm_fleet', 'f', fleet('f', ['n1']))).toEqual(['waiting']);
  expect(put('vm_fleet', 'f', undefined)).toEqual(['waiting']);
});

test('a machine with rules about others is looked at when one of them moves', async () => {
  const rule = { vmLabels: { app: 'db' } };
  const placement = { antiAffinity: { apart: rule } };
  const { put, look } = world(['vm', { ...vm('db', 1n, 'n1'), labels: { app: 'db' } }]);
  expect((await look(vm('ruled', 1n, '', { placement }))).status?.nodeId).toBe('');
  expect((await look(vm('big', 2048n))).status?.nodeId).toBe('');
  expect(put('vm', 'db', { ...vm('db', 1n, 'n1'), labels: {} })).toEqual(['ruled']);
});

test('a fleet that waits is looked at when a machine that is not its own goes', async () => {
  const { view, put, fleets } = world(['vm', vm('big', 1024n, 'n1')], ['vm_fleet', fleet('f', [])]);
  const waiting = view.get<VmFleet>('vm_fleet', 'f');
  if (waiting === undefined) throw new Error('there is no fleet');
  const observed = await fleets.observe(waiting, view);
  expect(observed.status.conditions[0]).toMatchObject({ reason: 'NoRoom' });
  expect(observed.againAfterMs).toBe(waitsForRoomMs);
  expect(put('vm', 'big', undefined)).toEqual(['f']);
});
