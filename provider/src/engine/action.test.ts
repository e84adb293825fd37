/** Actions that begin operations, with a control plane that is a list of looks at one. */
import { create, type DescMethod, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { OperationPhase as Phase } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { actionShapes } from '../schema/action-shape.js';
import { type ActionEvent, invokeAction } from './action.js';
import { type Api, ApiError } from './api.js';
import { whole } from './engine-testing.js';

interface Look {
  readonly phase: Phase;
  readonly [field: string]: unknown;
}

const shape = actionShapes().get('limiquantix_node_drain')?.();
if (shape === undefined) throw new Error('no such action');

/** All that an action tells, where the operation is seen as one look after the other. */
async function told(looks: readonly (Look | ApiError)[]) {
  const calls: [string, Message & Record<string, unknown>][] = [];
  const left = [...looks];
  const call: Api['call'] = async (method: DescMethod, request) => {
    calls.push([method.name, request as Message & Record<string, unknown>]);
    const status = left.shift();
    if (status === undefined) throw new Error('one look too many');
    if (status instanceof ApiError) throw status;
    const spec = { targetType: 'node', targetName: 'hv1' };
    const operation = { id: 'op-1', name: 'drain-node-1', spec, status };
    return create(method.output, { operation } as MessageInitShape<typeof method.output>);
  };
  const effects = { api: { call } as Api, newRequestId: () => 'word-1' };
  const events: ActionEvent[] = [];
  const config = whole(shape?.request ?? (undefined as never), { id: 'node-1', grace_seconds: 60 });
  for await (const event of invokeAction(shape as never, config, effects)) events.push(event);
  const progress = events.flatMap((event) => ('progress' in event ? [event.progress] : []));
  const last = events.at(-1);
  return { calls, progress, ended: last !== undefined && 'ended' in last ? last.ended : undefined };
}

test('tells each step once, and ends with the operation', async () => {
  const { calls, progress, ended } = await told([
    { phase: Phase.PENDING },
    { phase: Phase.RUNNING, stage: 'moving machines', percent: 40 },
    { phase: Phase.RUNNING, stage: 'moving machines', percent: 40 },
    { phase: Phase.SUCCEEDED, percent: 100 },
  ]);
  expect(progress).toEqual([
    'drain-node-1: is waited for',
    'drain-node-1: moving machines, 40%',
    'drain-node-1: done, 100%',
  ]);
  expect(ended).toEqual([]);
  expect(calls.map(([name]) => name)).toEqual([
    'DrainNode',
    'WaitOperation',
    'WaitOperation',
    'WaitOperation',
  ]);
  const [, request] = calls[0] ?? [];
  expect(request).toMatchObject({ id: 'node-1', graceSeconds: 60, requestId: 'word-1' });
});

test('an operation that has ended already is not waited for', async () => {
  const { calls, ended } = await told([{ phase: Phase.SUCCEEDED }]);
  expect(calls).toHaveLength(1);
  expect(ended).toEqual([]);
});

test('a failure says what stayed behind, and why', async () => {
  const items = {
    a: { type: 'vm', name: 'web', phase: Phase.FAILED, message: 'its volume lives on the node' },
    b: { type: 'vm', name: 'db', phase: Phase.SUCCEEDED },
  };
  const error = { reason: 'NOT_SUPPORTED', message: 'not all machines can move' };
  const { progress, ended } = await told([{ phase: Phase.FAILED, error, items }]);
  expect(progress).toEqual(['drain-node-1: failed, 1 of 2 done']);
  expect(ended).toMatchObject([
    {
      summary: 'limiquantix_node_drain of node "hv1" failed',
      detail: 'NOT_SUPPORTED: not all machines can move\n- vm "web": its volume lives on the node.',
    },
  ]);
});

test('one that somebody cancelled has failed', async () => {
  const { ended } = await told([{ phase: Phase.RUNNING }, { phase: Phase.CANCELLED }]);
  expect(ended).toMatchObject([{ summary: 'limiquantix_node_drain was cancelled' }]);
});

const apiError = (code: string, message: string) =>
  new ApiError({ code, reason: '', message, violations: [] });

test('an interruption says that the work goes on, and how to look after it', async () => {
  const { ended } = await told([{ phase: Phase.RUNNING }, apiError('canceled', 'interrupted')]);
  expect(ended).toMatchObject([
    {
      summary: 'limiquantix_node_drain was not waited for',
      detail: expect.stringMatching(/operation drain-node-1 goes on by itself.*get operation op-1/),
    },
  ]);
});

test('a refusal of the call itself is told in the words of the control plane', async () => {
  const { progress, ended } = await told([
    apiError('not_found', 'there is no node with the id "x"'),
  ]);
  expect(progress).toEqual([]);
  expect(ended).toMatchObject([
    {
      summary: 'Cannot carry out limiquantix_node_drain',
      detail: 'There is no node with the id "x".',
    },
  ]);
});
