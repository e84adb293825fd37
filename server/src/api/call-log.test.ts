import { create } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createContextValues,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
} from '@connectrpc/connect';
import {
  CreateVirtualMachineRequestSchema,
  VirtualMachineService,
} from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { ErrorInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { type Log, type LogFields, silentLog } from '../log.js';
import { contractTypes } from '../resource/type-registry.js';
import { type CausedWork, noSpan, noTracing, type Tracing } from '../tracing.js';
import { callLogInterceptor } from './call-log.js';
import { notesIn } from './call-notes.js';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function setup(isDebug: boolean, tracing: Tracing = noTracing) {
  const lines: [level: string, fields: LogFields | undefined][] = [];
  const log: Log = {
    ...silentLog,
    isDebug,
    debug: (_, fields) => lines.push(['debug', fields]),
    info: (_, fields) => lines.push(['info', fields]),
  };
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, after: () => () => undefined };
  const newId = () => '01a21dbf-b2bd-702f-86f1-57fccf2eef30';
  const interceptor = callLogInterceptor({ log, tracing, clock, newId });
  const call = async (requestId: string, writes: boolean): Promise<void> => {
    const request = {
      stream: false,
      service: VirtualMachineService,
      method: VirtualMachineService.method.createVirtualMachine,
      message: create(CreateVirtualMachineRequestSchema, { requestId }),
      contextValues: createContextValues(),
    } as unknown as UnaryRequest;
    await interceptor(async () => {
      const notes = notesIn(request.contextValues);
      if (notes === undefined) throw new Error('no notes');
      notes.actor = 'user:alice';
      const type = contractTypes.get('vm');
      const resource = create(type.message, { id: 'vm-id', name: 'web' }) as never;
      if (writes) notes.writes([{ type, resource, previous: undefined }]);
      nowMs += 7;
      return {} as never;
    })(request);
  };
  return { call, lines };
}

const method = 'limiquantix.compute.v1.VirtualMachineService/CreateVirtualMachine';
const about = { method, actor: 'user:alice', type: 'vm', id: 'vm-id', name: 'web', ms: 7 };

test('each call that writes has a line with its ids; one that reads only for who looks for faults', async () => {
  const quiet = setup(false);
  await quiet.call('mine', true);
  await quiet.call('', true);
  await quiet.call('', false);
  expect(quiet.lines).toEqual([
    ['info', { ...about, requestId: 'mine' }],
    ['info', { ...about, requestId: '57fccf2eef30-1' }],
  ]);
  const talkative = setup(true);
  await talkative.call('', false);
  const { method: name, actor, ms } = about;
  const requestId = '57fccf2eef30-1';
  expect(talkative.lines).toEqual([['debug', { method: name, actor, ms, requestId }]]);
});

test('what is recorded of a call says what its line says, and the line names the trace', async () => {
  const facts: unknown[] = [];
  const entered: CausedWork[] = [];
  const tracing: Tracing = {
    isOn: true,
    enter(work, run) {
      entered.push(work);
      return run({ add: (more) => facts.push(more) });
    },
    within: (_, run) => run(noSpan),
    current: () => traceparent,
  };
  const { call, lines } = setup(false, tracing);
  await call('mine', true);
  expect(entered).toMatchObject([{ name: method, kind: 'server', cause: '', isBeginning: true }]);
  expect(facts).toEqual([
    {
      'limiquantix.request.id': 'mine',
      'enduser.id': 'user:alice',
      'limiquantix.resource.id': 'vm-id',
      'limiquantix.resource.type': 'vm',
      'limiquantix.resource.name': 'web',
      'rpc.grpc.status': 'ok',
    },
  ]);
  const traceId = traceparent.slice(3, 35);
  expect(lines).toEqual([['info', { ...about, requestId: 'mine', traceId }]]);
});

describe('a stream', () => {
  /** Serves a stream of three messages; `use` reads it, and its client may go. */
  async function spanOf(
    use: (messages: AsyncIterable<number>, gone: (reason?: unknown) => void) => Promise<void>,
    failure?: unknown,
  ) {
    const told: object[] = [];
    const ended: string[] = [];
    const tracing: Tracing = {
      ...noTracing,
      isOn: true,
      enter: (work, run) =>
        run({ add: (facts) => told.push(facts) }).finally(() => ended.push(work.name)),
    };
    const log = silentLog;
    const clock = { nowMs: () => 0, after: () => () => undefined };
    const interceptor = callLogInterceptor({ log, tracing, clock, newId: () => 'word' });
    const client = new AbortController();
    const request = {
      stream: true,
      service: VirtualMachineService,
      method: VirtualMachineService.method.watchVirtualMachines,
      message: [],
      signal: client.signal,
      contextValues: createContextValues(),
    } as unknown as StreamRequest;
    const answer = await interceptor(async () => ({
      ...({ stream: true } as StreamResponse),
      message: (async function* () {
        yield* [1, 2, 3];
        if (failure !== undefined) throw failure;
      })() as never,
    }))(request);
    const reading = use(answer.message as never, (reason) => client.abort(reason));
    await reading.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual(['limiquantix.compute.v1.VirtualMachineService/WatchVirtualMachines']);
    expect(told).toHaveLength(1);
    return told[0];
  }

  const all = async (messages: AsyncIterable<number>): Promise<void> => {
    for await (const _ of messages);
  };

  it('is a span that ends with it', async () => {
    expect(await spanOf(all)).toMatchObject({
      'limiquantix.stream.end': 'done',
      'limiquantix.stream.messages': 3,
      'rpc.grpc.status': 'ok',
    });
  });

  it('says why it was ended by the server', async () => {
    const detail = { desc: ErrorInfoSchema, value: { reason: 'WATCH_BEHIND' } };
    const error = new ConnectError('behind', Code.Aborted, undefined, [detail]);
    expect(await spanOf(all, error)).toMatchObject({
      'limiquantix.stream.end': 'WATCH_BEHIND',
      'rpc.grpc.status': 'aborted',
    });
  });

  it('says that its client went, also where nobody reads it to its end', async () => {
    const read = await spanOf(async (messages, gone) => {
      await messages[Symbol.asyncIterator]().next();
      gone(new ConnectError('the call was ended', Code.Canceled));
    });
    expect(read).toMatchObject({
      'limiquantix.stream.end': 'client gone',
      'limiquantix.stream.messages': 1,
      'rpc.grpc.status': 'canceled',
    });
    const stopping = new ConnectError('the server is stopping', Code.Unavailable);
    const stopped = await spanOf(async (_, gone) => gone(stopping));
    expect(stopped).toMatchObject({ 'limiquantix.stream.end': 'unavailable' });
  });
});
