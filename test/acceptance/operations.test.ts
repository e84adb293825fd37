/**
 * Work that goes on as an operation, on a control plane with a simulated node: begun by the API,
 * carried out by the node's real agent and driver, waited for, cancelled, and over a restart.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, Code, createClient } from '@connectrpc/connect';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { PowerState, type VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import {
  type Operation,
  OperationPhase as Phase,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { OperationService } from '@limiquantix/proto/operations/v1/operation_service_pb.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { createTransport } from '../../server/src/bin/resource-client.js';
import { silentLog } from '../../server/src/log.js';

jest.setTimeout(120_000);

let directory = '';
let server: RunningServer;
let vms: Client<typeof VirtualMachineService>;
let operations: Client<typeof OperationService>;
let vmId = '';

async function start(): Promise<void> {
  server = await startServer({
    dataDirectory: directory,
    listen: ['127.0.0.1:0'],
    names: [],
    simulate: 1,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: 'test',
  });
  const transport = createTransport(server.profile);
  vms = createClient(VirtualMachineService, transport);
  operations = createClient(OperationService, transport);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lqx-operations-'));
  await start();
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n } };
  const { vm } = await vms.createVirtualMachine({ vm: { name: 'web', spec }, requestId: 'web' });
  vmId = vm?.id ?? '';
  await until(({ status }) => status?.powerState === PowerState.RUNNING);
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

/** The operation at its end. */
async function ended(begun: Promise<{ operation?: Operation | undefined }>): Promise<Operation> {
  const { operation } = await begun;
  const done = await operations.waitOperation({ id: operation?.id ?? '' });
  if (done.operation === undefined) throw new Error('no operation');
  return done.operation;
}

const machine = async (): Promise<VirtualMachine> =>
  (await vms.getVirtualMachine({ id: vmId })).vm as VirtualMachine;

const until = (isSo: (vm: VirtualMachine) => boolean): Promise<void> =>
  untilTrue(async () => isSo(await machine()));

async function untilTrue(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error('not in time');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

it.each([
  ['pauseVirtualMachine', PowerState.PAUSED],
  ['resumeVirtualMachine', PowerState.RUNNING],
  ['suspendVirtualMachine', PowerState.SUSPENDED],
  ['resumeVirtualMachine', PowerState.RUNNING],
  ['stopVirtualMachine', PowerState.STOPPED],
  ['startVirtualMachine', PowerState.RUNNING],
] as const)('%s brings the machine into power state %s', async (method, powerState) => {
  const operation = await ended(vms[method]({ id: vmId }));
  expect(operation.status).toMatchObject({ phase: Phase.SUCCEEDED, percent: 100 });
  expect(await machine()).toMatchObject({ spec: { powerState }, status: { powerState } });
});

it.each([
  ['rebootVirtualMachine', { force: true }],
  ['rebootVirtualMachine', {}],
  ['resetVirtualMachine', {}],
] as const)('%s %j is carried out once by the node', async (method, how) => {
  const before = (await machine()).generation;
  const operation = await ended(vms[method]({ id: vmId, ...how }));
  expect(operation.status).toMatchObject({ phase: Phase.SUCCEEDED });
  expect(operation.spec?.nodeId).not.toBe('');
  expect((await machine()).generation).toBe(before);
  await until(({ status }) => status?.powerState === PowerState.RUNNING);
  expect((await machine()).status?.restartCount).toBe(0);
});

it('gives the same operation for the same request id, and refuses another request with it', async () => {
  const again = { id: vmId, requestId: 'once' };
  const { operation: one } = await vms.rebootVirtualMachine(again);
  const { operation: two } = await vms.rebootVirtualMachine(again);
  expect(two?.id).toBe(one?.id);
  const other = vms.rebootVirtualMachine({ ...again, force: true });
  await expect(other).rejects.toMatchObject({ code: Code.InvalidArgument });
  await operations.waitOperation({ id: one?.id ?? '' });
});

it('goes on over a restart of the server in its middle', async () => {
  const { operation } = await vms.rebootVirtualMachine({ id: vmId });
  await server.stop();
  await start();
  const { operation: done } = await operations.waitOperation({ id: operation?.id ?? '' });
  expect(done?.status?.phase).toBe(Phase.SUCCEEDED);
});

it('refuses what makes no sense for a machine that is off, and what nothing can do', async () => {
  await ended(vms.stopVirtualMachine({ id: vmId, force: true }));
  for (const call of [vms.resetVirtualMachine, vms.resumeVirtualMachine]) {
    await expect(call({ id: vmId })).rejects.toMatchObject({ code: Code.FailedPrecondition });
  }
  const console = vms.getConsole({ id: vmId });
  await expect(console).rejects.toThrow(/GetConsole is not supported: no driver/);
  await expect(console).rejects.toMatchObject({ code: Code.Unimplemented });
});

it('takes a snapshot and copies a machine, as objects on simulated hosts', async () => {
  const taken = await ended(vms.createSnapshot({ id: vmId, name: 'before' }));
  expect(taken.status?.phase).toBe(Phase.SUCCEEDED);
  const snapshotId = taken.status?.resultId ?? '';
  const { snapshots } = await vms.listSnapshots({ id: vmId });
  expect(snapshots.map(({ id }) => id)).toEqual([snapshotId]);
  const removed = await ended(vms.deleteSnapshot({ id: vmId, snapshotId }));
  expect(removed.status?.phase).toBe(Phase.SUCCEEDED);
  expect((await vms.listSnapshots({ id: vmId })).snapshots).toEqual([]);
});

it('explains where a machine would go', async () => {
  const { nodeId, nodes } = await vms.explainPlacement({ question: { case: 'id', value: vmId } });
  expect(nodes).toMatchObject([
    { nodeId, feasible: true, reason: expect.stringMatching(/% with this machine/) },
  ]);
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 16_777_216n } };
  const value = { name: 'giant', spec };
  const giant = await vms.explainPlacement({ question: { case: 'vm', value } });
  expect(giant).toMatchObject({ nodeId: '', nodes: [{ feasible: false }] });
});

it('drains a node: says of each machine why it stays, and stops none', async () => {
  await ended(vms.startVirtualMachine({ id: vmId }));
  const nodes = createClient(NodeService, createTransport(server.profile));
  const { nodes: all } = await nodes.listNodes({});
  const id = all[0]?.id ?? '';
  const { vms: judged, complete } = await nodes.previewDrain({ id });
  expect(judged).toMatchObject([
    { vmId, vmName: 'web', reason: expect.stringMatching(/NOT_SUPP/) },
  ]);
  expect(complete).toBe(false);
  const drained = await ended(nodes.drainNode({ id }));
  expect(drained.status).toMatchObject({
    phase: Phase.FAILED,
    error: { reason: 'NOT_SUPPORTED' },
    items: { [vmId]: { name: 'web', phase: Phase.FAILED } },
  });
  expect((await machine()).status?.powerState).toBe(PowerState.RUNNING);
  expect((await nodes.getNode({ id })).node?.spec?.schedulable).toBe(false);
  const decommissioned = nodes.decommissionNode({ id });
  await expect(decommissioned).rejects.toMatchObject({ code: Code.FailedPrecondition });
});

it('tells what happened to a machine and to a node', async () => {
  const nodes = createClient(NodeService, createTransport(server.profile));
  const nodeId = (await machine()).status?.nodeId ?? '';
  await untilTrue(async () => {
    const { events } = await vms.listVirtualMachineEvents({ id: vmId });
    const reasons = events.map(({ spec }) => spec?.reason);
    return reasons.includes('Stopped') && reasons.includes('Paused');
  });
  await untilTrue(async () => (await nodes.listNodeEvents({ id: nodeId })).events.length > 0);
});

it('does not cancel what has ended or can only be undone', async () => {
  const { operations: all } = await operations.listOperations({});
  const stop = all.find(({ spec }) => spec?.method === 'StopVirtualMachine');
  const cancelled = operations.cancelOperation({ id: stop?.id ?? '' });
  await expect(cancelled).rejects.toMatchObject({ code: Code.FailedPrecondition });
});
