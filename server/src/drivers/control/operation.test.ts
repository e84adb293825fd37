/** Operations: what becomes of them, over a restart in their middle, and when they are cancelled. */
import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { StartVirtualMachineRequestSchema } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import {
  type Operation,
  OperationOutcome,
  OperationPhase,
  OperationSchema,
  type OperationStatus,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { AgentView } from '../../agent/agent-view.js';
import { operationRules } from '../../decide/operation-rules.js';
import { Loop } from '../../reconcile/loop.js';
import { VirtualClock } from '../../reconcile/virtual-clock.js';
import { failed } from '../../resource/ready.js';
import type { AnyResource, TypeName } from '../../resource/resource.js';
import { contractTypes } from '../../resource/type-registry.js';
import { OperationControlDriver } from './operation.js';

const { RUNNING, STOPPED } = PowerState;

/** A control plane as far as operations see it: resources, and the loop with their driver. */
class World {
  readonly clock = new VirtualClock(1_000_000);
  readonly view = new AgentView(contractTypes, () => this.clock.nowMs());
  #loop = this.#start();

  put(type: TypeName, resource: AnyResource): void {
    this.#loop.changed(this.view.set({ type, id: resource.id }, resource));
  }

  drop(type: TypeName, id: string): void {
    this.#loop.changed(this.view.set({ type, id }, undefined));
  }

  /** A new process: nothing is left but what is stored. */
  async restart(): Promise<void> {
    await this.#loop.stop();
    this.#loop = this.#start();
    for (const { id } of this.view.list('operation')) this.#loop.poke({ type: 'operation', id });
  }

  async status(id: string): Promise<OperationStatus> {
    for (let turn = 0; turn < 50; turn += 1) await new Promise((done) => setImmediate(done));
    const status = this.view.get<Operation>('operation', id)?.status;
    if (status === undefined) throw new Error(`operation ${id} has no status`);
    return status;
  }

  #start(): Loop {
    const loop = new Loop({
      drivers: [new OperationControlDriver(operationRules) as never],
      lookup: this.view,
      clock: this.clock,
      random: () => 0.5,
      failures: {
        acted: () => undefined,
        failed: (_, error) => {
          throw error;
        },
      },
      report: async (finding) => {
        if (finding.kind !== 'status') return;
        const { resource } = finding;
        const status = finding.status as OperationStatus;
        this.view.set({ type: 'operation', id: resource.id }, { ...resource, status });
      },
    });
    loop.start();
    return loop;
  }
}

function machine(powerState: PowerState, is: PowerState, nodeId = 'n1'): VirtualMachine {
  return create(VirtualMachineSchema, {
    id: 'web',
    name: 'web',
    generation: 2n,
    spec: { powerState },
    status: { powerState: is, nodeId, observedGeneration: 2n },
  });
}

function operation(
  method: string,
  spec: MessageInitShape<typeof OperationSchema>['spec'] = {},
  status: MessageInitShape<typeof OperationSchema>['status'] = {},
): Operation {
  return create(OperationSchema, {
    id: 'op',
    generation: 1n,
    spec: { method, targetType: 'vm', targetId: 'web', nodeId: 'n1', ...spec },
    status: { phase: OperationPhase.PENDING, ...status },
  });
}

it('goes on until the machine is in the wanted state, over a restart in between', async () => {
  const world = new World();
  world.put('vm', machine(STOPPED, RUNNING));
  world.put('operation', operation('StopVirtualMachine'));
  const running = await world.status('op');
  expect(running.phase).toBe(OperationPhase.RUNNING);
  await world.restart();
  expect(await world.status('op')).toEqual(running);
  world.clock.advance(3_000);
  world.put('vm', machine(STOPPED, STOPPED));
  const done = await world.status('op');
  expect(done).toMatchObject({ phase: OperationPhase.SUCCEEDED, percent: 100 });
  expect(done.startedAt).toEqual(running.startedAt);
  expect(done.endedAt).toEqual(timestampFromMs(world.clock.nowMs()));
  // What comes later does not change what has ended.
  world.put('vm', machine(RUNNING, RUNNING));
  expect(await world.status('op')).toEqual(done);
});

it('sees after a restart what came to its end meanwhile', async () => {
  const world = new World();
  world.put('vm', machine(RUNNING, STOPPED));
  world.put('operation', operation('StartVirtualMachine'));
  expect((await world.status('op')).phase).toBe(OperationPhase.RUNNING);
  world.view.set({ type: 'vm', id: 'web' }, machine(RUNNING, RUNNING));
  await world.restart();
  expect((await world.status('op')).phase).toBe(OperationPhase.SUCCEEDED);
});

it.each([
  ['the spec wants something else', machine(STOPPED, RUNNING), 'SUPERSEDED'],
  ['the machine can never get there', machine(RUNNING, STOPPED), 'NODE_REFUSED'],
])('fails when %s', async (_, vm, reason) => {
  const world = new World();
  if (reason === 'NODE_REFUSED' && vm.status !== undefined) {
    vm.status.conditions = failed('NodeRefused', 'no accelerator');
  }
  world.put('vm', vm);
  world.put('operation', operation('StartVirtualMachine'));
  expect(await world.status('op')).toMatchObject({
    phase: OperationPhase.FAILED,
    error: { reason },
  });
});

it('has stopped at once what has no node', async () => {
  const world = new World();
  world.put('vm', machine(STOPPED, PowerState.UNSPECIFIED, ''));
  world.put('operation', operation('StopVirtualMachine'));
  expect((await world.status('op')).phase).toBe(OperationPhase.SUCCEEDED);
});

it('fails when its machine goes', async () => {
  const world = new World();
  world.put('vm', machine(RUNNING, STOPPED));
  world.put('operation', operation('StartVirtualMachine'));
  await world.status('op');
  world.drop('vm', 'web');
  expect((await world.status('op')).error?.reason).toBe('TARGET_GONE');
});

it('fails at its deadline', async () => {
  const world = new World();
  const deadlineAt = timestampFromMs(world.clock.nowMs() + 60_000);
  world.put('vm', machine(RUNNING, STOPPED));
  world.put('operation', operation('StartVirtualMachine', { deadlineAt }));
  expect((await world.status('op')).phase).toBe(OperationPhase.RUNNING);
  world.clock.advance(59_000);
  expect((await world.status('op')).phase).toBe(OperationPhase.RUNNING);
  world.clock.advance(10_000);
  expect((await world.status('op')).error?.reason).toBe('DEADLINE_EXCEEDED');
});

it('reads from its arguments what it was begun with', async () => {
  const world = new World();
  const request = create(StartVirtualMachineRequestSchema, { id: 'web', paused: true });
  const argumentsJson = toJsonString(StartVirtualMachineRequestSchema, request);
  world.put('vm', machine(PowerState.PAUSED, PowerState.PAUSED));
  world.put('operation', operation('StartVirtualMachine', { argumentsJson }));
  expect((await world.status('op')).phase).toBe(OperationPhase.SUCCEEDED);
});

it.each([
  [OperationOutcome.UNSPECIFIED, OperationPhase.RUNNING],
  [OperationOutcome.SUCCEEDED, OperationPhase.SUCCEEDED],
  [OperationOutcome.CANCELLED, OperationPhase.CANCELLED],
])('takes a node by its word: outcome %s is phase %s', async (outcome, phase) => {
  const world = new World();
  world.put('vm', machine(RUNNING, RUNNING));
  world.put('operation', operation('RebootVirtualMachine', { cancelRequested: true }, { outcome }));
  expect((await world.status('op')).phase).toBe(phase);
});

it.each([
  ['goes to another node', machine(RUNNING, RUNNING, 'n2'), 'TARGET_MOVED'],
  ['is to be off', machine(STOPPED, RUNNING), 'SUPERSEDED'],
])('fails a reboot when the machine %s', async (_, vm, reason) => {
  const world = new World();
  world.put('vm', vm);
  world.put('operation', operation('RebootVirtualMachine'));
  expect((await world.status('op')).error?.reason).toBe(reason);
});
