/** When a call is made again, and when it is not. */
import { create } from '@bufbuild/protobuf';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { createCaller } from './calls.js';
import type { Channel } from './channel.js';
import { GrpcFailure } from './grpc-failure.js';

const method = NodeService.method.listNodes;

function callWith(errors: GrpcFailure[]) {
  const slept: number[] = [];
  const channel = {
    async unary() {
      const error = errors.shift();
      if (error !== undefined) throw error;
      return create(method.output);
    },
  } as unknown as Channel;
  const caller = createCaller({
    endpoint: 'https://cp',
    channel,
    stopping: new AbortController().signal,
    sleep: async (ms) => void slept.push(ms),
  });
  return { slept, call: () => caller.unary(method, {}) };
}

function exhausted(retryAfterMs?: number): GrpcFailure {
  return new GrpcFailure('resource_exhausted', 'too much', { retryAfterMs });
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
