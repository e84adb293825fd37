/** What a node says of operations, and what they ask of a machine's power. */
import { create } from '@bufbuild/protobuf';
import {
  type Operation,
  OperationSchema,
  OperationOutcome as Outcome,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { AgentView } from '../../agent/agent-view.js';
import { contractTypes } from '../../resource/type-registry.js';
import type { Marks } from './domain-xml.js';
import { createOperationDriver } from './operation-driver.js';
import { powerOrders } from './power-orders.js';

function operation(id: string, method: string, given: Partial<Operation['spec']> = {}): Operation {
  const { cancelRequested = false, argumentsJson = '' } = given;
  const spec = { method, targetId: 'web', targetType: 'vm', cancelRequested, argumentsJson };
  return create(OperationSchema, { id, spec });
}

function viewOf(...operations: readonly Operation[]): AgentView {
  const view = new AgentView(contractTypes, () => 0);
  for (const one of operations) view.set({ type: 'operation', id: one.id }, one);
  return view;
}

const marks = (operationId: string): Marks => ({
  vmId: 'web',
  projectId: '',
  generation: 1n,
  power: 'running',
  restarts: 0,
  restartsInRow: 0,
  startedAtMs: 0,
  operationId,
});

describe('a node says of an operation', () => {
  const cancelled = { cancelRequested: true };
  test.each([
    ['that it is done by the domain that names it', 'b', {}, Outcome.SUCCEEDED],
    ['that it is done by the domain that names a newer one', 'c', {}, Outcome.SUCCEEDED],
    ['nothing yet where the domain names an older one', 'a', {}, Outcome.UNSPECIFIED],
    ['that it is called off', 'a', cancelled, Outcome.CANCELLED],
    ['that it is done though it was called off too late', 'b', cancelled, Outcome.SUCCEEDED],
  ])('%s', async (_, doneId, given, outcome) => {
    const poked: string[] = [];
    const driver = createOperationDriver({
      operationDone: async () => doneId,
      poke: ({ id }) => poked.push(id),
    });
    const reboot = operation('b', 'RebootVirtualMachine', given);
    const view = viewOf(reboot);
    const observed = await driver.observe(reboot, view);
    const { status, againAfterMs } = driver.diff(reboot, observed, view);
    expect(status?.outcome).toBe(outcome);
    expect(againAfterMs === undefined).toBe(outcome !== Outcome.UNSPECIFIED);
    expect(poked).toEqual(['web']);
  });
});

test.each([
  ['nothing of other machines', [{ ...operation('a', 'Reset'), id: 'x' }], {}],
  ['no reboot that was done', [operation('a', 'RebootVirtualMachine')], {}],
  [
    'a reboot with its patience, which a start fulfils',
    [operation('b', 'RebootVirtualMachine', { argumentsJson: '{"gracefulSeconds":5}' })],
    { reboot: { id: 'b', patienceMs: 5_000 }, newestId: 'b' },
  ],
  [
    'the newest stop, at once where it is forced',
    [
      operation('b', 'StopVirtualMachine'),
      operation('c', 'StopVirtualMachine', { argumentsJson: '{"force":true}' }),
    ],
    { stop: { patienceMs: 0 } },
  ],
  [
    'a minute where a stop does not say',
    [operation('b', 'StopVirtualMachine')],
    { stop: { patienceMs: 60_000 } },
  ],
  [
    'no reset that was called off',
    [operation('b', 'ResetVirtualMachine', { cancelRequested: true })],
    {},
  ],
  [
    'a start of a guest that ended by itself',
    [operation('b', 'StartVirtualMachine')],
    { newestId: 'b' },
  ],
])('orders %s', (_, operations, orders) => {
  expect(powerOrders('web', marks('a'), viewOf(...operations))).toEqual(orders);
});
