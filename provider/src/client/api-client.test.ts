/** How the client lists and ends, with a channel that is a function. */
import { create, type DescMethod, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { ApiTokenService } from '@limiquantix/proto/identity/v1/api_token_service_pb.js';
import { shapeOf } from '../engine/engine-testing.js';
import { createApiClient } from './api-client.js';
import type { CallOptions, Channel } from './channel.js';
import { GrpcFailure } from './grpc-failure.js';

type Request = Readonly<Record<string, unknown>>;

const network = shapeOf('network');
/** Made once: what they hold says nothing here. */
const all = Array.from({ length: 1_000 }, (_, i) => create(network.message, { id: `id-${i}` }));

/** A client of a control plane that has so many networks, and what it was asked. */
function clientOf(count: number, stopping = new AbortController().signal) {
  const asked: Request[] = [];
  const unary = async (method: DescMethod, message: Message, { signal }: CallOptions) => {
    if (signal.aborted) throw new GrpcFailure('canceled', 'stopped');
    const request = message as unknown as Request;
    asked.push(request);
    const begin = Number(request['pageToken'] || 0);
    const end = Math.min(count, begin + Number(request['pageSize']));
    const networks = all.slice(0, end - begin);
    const page = { networks, nextPageToken: end < count ? String(end) : '', revision: 7n };
    const answer = method.name.startsWith('List') ? page : {};
    return create(method.output, answer as MessageInitShape<typeof method.output>);
  };
  const api = createApiClient({
    settings: {
      endpoint: 'https://cp',
      token: 't',
      caCertificate: undefined,
      disruptionLimit: undefined,
    },
    channel: { unary } as unknown as Channel,
    stopping,
    planId: 'p',
    nowMs: () => 0,
    timers: { after: () => () => undefined },
  });
  return { api, asked };
}

test("puts name, labels and the user's own terms together, in the order that was asked for", async () => {
  const { api, asked } = clientOf(3);
  const filter = 'status.phase=ready';
  const question = { name: 'lan', labels: { app: 'web' }, filter, orderBy: 'name desc' };
  expect(await api.find(network, { ...question, projectId: 'p' })).toHaveLength(3);
  expect(asked).toMatchObject([
    {
      filter: 'name=lan AND labels.app=web AND status.phase=ready',
      orderBy: 'name desc',
      projectId: 'p',
      pageSize: 1000,
    },
  ]);
});

test('reads no more than it was asked for', async () => {
  const { api, asked } = clientOf(5_000);
  expect(await api.find(network, { countMax: 20 })).toHaveLength(20);
  expect(asked).toMatchObject([{ pageSize: 20 }]);
  expect(await api.find(network, { countMax: 1_500 })).toHaveLength(1_500);
  expect(asked).toHaveLength(3);
});

test('says so where there are more than it can list, and takes no part for the whole', async () => {
  const { api, asked } = clientOf(100_001);
  await expect(api.find(network, {})).rejects.toThrow(
    'there are more than 100000 networks: ask for fewer by a filter',
  );
  expect(asked).toHaveLength(100);
});

test('still makes something useless after Terraform asked it to stop', async () => {
  const stopped = new AbortController();
  stopped.abort();
  const { api, asked } = clientOf(0, stopped.signal);
  const { revokeShortLivedApiToken: revoke } = ApiTokenService.method;
  const request = create(revoke.input, { id: 'abc' });
  await expect(api.call(revoke, request)).rejects.toMatchObject({ code: 'canceled' });
  await api.call(revoke, request, { atTheEnd: true });
  expect(asked).toMatchObject([{ id: 'abc' }]);
});
