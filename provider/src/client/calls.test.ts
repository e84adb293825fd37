/** When a call is made again, and when it is not. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { RetryInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { createCaller } from './calls.js';

const method = NodeService.method.listNodes;

function callWith(errors: ConnectError[]) {
  const slept: number[] = [];
  const transport = {
    async unary() {
      const error = errors.shift();
      if (error !== undefined) throw error;
      return { message: create(method.output) };
    },
  } as unknown as Transport;
  const caller = createCaller({
    endpoint: 'https://cp',
    transport,
    stopping: new AbortController().signal,
    sleep: async (ms) => void slept.push(ms),
  });
  return { slept, call: () => caller.unary(method, {}) };
}

function exhausted(retryAfterMs?: number): ConnectError {
  if (retryAfterMs === undefined) return new ConnectError('too much', Code.ResourceExhausted);
  const value = create(RetryInfoSchema, { retryDelay: durationFromMs(retryAfterMs) });
  const details = [{ desc: RetryInfoSchema, value }];
  return new ConnectError('too much', Code.ResourceExhausted, undefined, details);
}

it('comes again after the time that the control plane names, and no sooner', async () => {
  const { slept, call } = callWith([exhausted(900), exhausted(10), exhausted(4_000)]);
  await call();
  expect(slept).toEqual([900, 400, 4_000]);
});

it('comes again for as long as it is invited to', async () => {
  const { slept, call } = callWith(Array.from({ length: 30 }, () => exhausted(250)));
  await call();
  expect(slept).toHaveLength(30);
});

it('takes a refusal without an invitation for final', async () => {
  const { slept, call } = callWith([exhausted()]);
  await expect(call()).rejects.toMatchObject({ code: 'resource_exhausted' });
  expect(slept).toEqual([]);
});
