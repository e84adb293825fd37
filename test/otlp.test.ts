/** What the provider encodes by itself, as a collector reads it. */
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { createRecorder, type RecorderOptions } from '../provider/src/trace/recorder.js';
import { createSend } from '../provider/src/trace/send.js';
import { passingOn } from '../provider/src/trace/tracer.js';
import { OtlpReceiver } from './harness/otlp-receiver.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const method = VirtualMachineService.method.createVirtualMachine;
const name = 'limiquantix.compute.v1.VirtualMachineService/CreateVirtualMachine';

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await OtlpReceiver.start();
});
afterEach(() => receiver.stop());

function recorder(over: Partial<RecorderOptions> = {}) {
  let [nowMs, ids] = [1_795_791_845_123.25, 0];
  return createRecorder({
    traceparent: undefined,
    process: { 'service.name': 'provider' },
    nowMs: () => {
      nowMs += 1.5;
      return nowMs;
    },
    randomHex: (bytes) => {
      ids += 1;
      return ids.toString(16).padStart(bytes * 2, '0');
    },
    send: createSend(`${receiver.endpoint}/v1/traces`, { 'x-key': 'word' }),
    ...over,
  });
}

test("Terraform's call and what it asks of the control plane are one trace", async () => {
  const tracer = recorder();
  const call = { name: 'ApplyResourceChange', typeName: 'limiquantix_vm' };
  const headers: string[] = [];
  const answer = await tracer.answer(call, async () => {
    const span = tracer.begin(method);
    headers.push(span.traceparent, tracer.current());
    span.end({ code: 'not_found', message: 'secret words' });
    return { diagnostics: [{ severity: 1 }] };
  });
  expect(answer).toEqual({ diagnostics: [{ severity: 1 }] });
  await tracer.end();
  const trace = { service: 'provider', traceId: `${'0'.repeat(31)}1` };
  const beganNs = 1_795_791_845_124_750_000n;
  const outer = '0000000000000002';
  expect(receiver.spans).toEqual([
    {
      ...trace,
      spanId: '0000000000000003',
      parentId: outer,
      name,
      kind: 3,
      beganNs: beganNs + 1_500_000n,
      endedNs: beganNs + 3_000_000n,
      facts: {
        'rpc.system': 'grpc',
        'rpc.service': 'limiquantix.compute.v1.VirtualMachineService',
        'rpc.method': 'CreateVirtualMachine',
      },
      failure: 'not_found',
    },
    {
      ...trace,
      spanId: outer,
      parentId: '',
      name: 'ApplyResourceChange',
      kind: 2,
      beganNs,
      endedNs: beganNs + 4_500_000n,
      facts: { 'terraform.type': 'limiquantix_vm' },
      failure: 'error',
    },
  ]);
  expect(headers).toEqual([
    `00-${trace.traceId}-0000000000000003-01`,
    `00-${trace.traceId}-${outer}-01`,
  ]);
  expect(receiver.text).not.toContain('secret words');
  expect(receiver.headers).toMatchObject([{ 'x-key': 'word' }]);
});

test('goes on with the trace that Terraform was started in, unless that one is not recorded', async () => {
  const sampled = recorder({ traceparent: `00-${traceId}-${spanId}-01` });
  sampled.begin(method).end();
  await sampled.end();
  expect(receiver.spans).toMatchObject([{ traceId, parentId: spanId, failure: undefined }]);
  const unsampled = recorder({ traceparent: `00-${traceId}-${spanId}-00` });
  expect(unsampled.begin(method).traceparent).toBe(`00-${traceId}-${spanId}-00`);
  expect(unsampled.end()).toBeUndefined();
});

test('a collector that is away is no failure, and holds nothing up', async () => {
  const tracer = recorder({ send: createSend('http://127.0.0.1:9/v1/traces', {}) });
  for (let i = 0; i < 5_000; i += 1) tracer.begin(method).end();
  await tracer.end();
  expect(tracer.end()).toBeUndefined();
});

test('without a recorder nothing is made up, and only what is a trace is passed on', () => {
  expect(passingOn(undefined).begin(method).traceparent).toBe('');
  expect(passingOn('nonsense\r\n').current()).toBe('');
  expect(passingOn(`00-${traceId}-${spanId}-01`).begin(method).traceparent).toBe(
    `00-${traceId}-${spanId}-01`,
  );
});
