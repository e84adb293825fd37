/** Beginning operations: in one transaction, once for each request id, and forgotten in time. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { PowerState } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import {
  type Operation,
  OperationPhase,
  type OperationStatus,
  OperationStatusSchema,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { OperationService } from '@limiquantix/proto/operations/v1/operation_service_pb.js';
import { VirtualClock } from '../../reconcile/virtual-clock.js';
import { patched } from '../../resource/patched.js';
import { forgetOperations, operationKeptMs } from '../forget-operations.js';
import { startTestInstallation, type TestInstallation } from '../test-installation.js';

const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let installation: TestInstallation;
let id = '';
beforeAll(async () => {
  installation = await startTestInstallation({ clock });
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n } };
  const made = await vms().createVirtualMachine({ vm: { name: 'web', spec } });
  id = made.vm?.id ?? '';
  await setStatus('vm', id, { nodeId: 'n1' });
});
afterAll(() => installation.stop());

const vms = () => installation.client(VirtualMachineService);
const operations = () => installation.client(OperationService);

async function setStatus(type: string, key: string, fields: object): Promise<void> {
  await installation.writer.writeStatus({ type, id: key }, ({ status }) =>
    Object.assign(Object.create(Object.getPrototypeOf(status)), status, fields),
  );
}

const end = (operation: Operation | undefined, phase = OperationPhase.SUCCEEDED) =>
  installation.writer.writeStatus<Operation>(
    { type: 'operation', id: operation?.id ?? '' },
    ({ status }): OperationStatus =>
      patched(OperationStatusSchema, status, { phase, endedAt: timestampFromMs(clock.nowMs()) }),
  );

it('commits the change and the operation together, once for a request id', async () => {
  const call = { id, requestId: 'stop', gracefulSeconds: 5 };
  const [one, two] = await Promise.all([
    vms().stopVirtualMachine(call),
    vms().stopVirtualMachine(call),
  ]);
  expect(one.operation?.id).toBe(two.operation?.id);
  expect(one.operation?.spec).toMatchObject({
    method: 'StopVirtualMachine',
    targetType: 'vm',
    targetId: id,
    targetName: 'web',
    nodeId: 'n1',
  });
  expect(JSON.parse(one.operation?.spec?.argumentsJson ?? '')).toEqual({ ...call });
  const { vm } = await vms().getVirtualMachine({ id });
  expect(vm).toMatchObject({ generation: 2n, spec: { powerState: PowerState.STOPPED } });
});

it('waits for the end, or for as long as it was told', async () => {
  const { operation } = await vms().startVirtualMachine({ id });
  const wait = operations().waitOperation({ id: operation?.id ?? '', timeoutSeconds: 5 });
  await settle();
  clock.advance(6_000);
  expect((await wait).operation?.status?.phase).toBe(OperationPhase.PENDING);
  const again = operations().waitOperation({ id: operation?.id ?? '' });
  await settle();
  await end(operation);
  expect((await again).operation?.status?.phase).toBe(OperationPhase.SUCCEEDED);
});

it('asks for the end of what can be cancelled, once', async () => {
  const { operation } = await vms().rebootVirtualMachine({ id });
  const key = { id: operation?.id ?? '' };
  const first = await operations().cancelOperation(key);
  expect(first.operation?.spec?.cancelRequested).toBe(true);
  const second = await operations().cancelOperation(key);
  expect(second.operation?.generation).toBe(first.operation?.generation);
  const { operation: start } = await vms().startVirtualMachine({ id });
  const refused = operations().cancelOperation({ id: start?.id ?? '' });
  await expect(refused).rejects.toMatchObject({ code: Code.FailedPrecondition });
});

it('forgets an operation a day after its end, and none that goes on', async () => {
  const { operations: before } = await operations().listOperations({});
  for (const operation of before.slice(1)) await end(operation);
  clock.advance(operationKeptMs - 1_000);
  await forgetOperations(installation.context);
  expect((await operations().listOperations({})).operations.length).toBeGreaterThan(1);
  clock.advance(2_000);
  await forgetOperations(installation.context);
  const { operations: after } = await operations().listOperations({});
  expect(after.map((one) => one.id)).toEqual(before.slice(0, 1).map((one) => one.id));
});

/** Lets a call arrive at the server. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));
