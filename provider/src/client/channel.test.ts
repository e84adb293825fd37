/** The channel against a gRPC server of Connect, and against servers that are none. */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createSecureServer, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import {
  BadRequestSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { selfSigned } from '../plugin/certificate.js';
import { type CallOptions, createChannel } from './channel.js';
import { toApiError } from './error-map.js';

const { listNodes, watchNodes } = NodeService.method;
const never = new AbortController().signal;
const withTrailers = { waitForTrailers: true };
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

type Behavior = (context: HandlerContext) => Promise<{ nextPageToken: string }>;

/** A server whose List does as it is told, and whose Watch gives three answers and stays open. */
async function serve(list: Behavior, more: { readonly tls?: boolean } = {}) {
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(NodeService, {
        listNodes: (_, context) => list(context),
        async *watchNodes(_, { signal }) {
          for (const revision of [1n, 2n, 3n]) yield { revision };
          await once(signal, 'abort');
        },
      }),
  });
  const certificate = selfSigned({ nowMs: Date.now(), serial: randomBytes(16) });
  const { certificatePem: cert, keyPem: key } = certificate;
  const server = more.tls ? createSecureServer({ cert, key }, handler) : createServer(handler);
  return { ...(await listen(server, more.tls ? 'https' : 'http')), certificate: cert };
}

async function listen(server: Http2Server, scheme: string) {
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
  });
  const drop = (): void => {
    for (const session of sessions) session.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    drop();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: `${scheme}://localhost:${port}`, drop, sessions };
}

function channelTo(endpoint: string, caCertificate?: string) {
  const channel = createChannel({ endpoint, token: 'secret', caCertificate });
  const call = async (options: Partial<CallOptions> = {}) => {
    const request = create(listNodes.input);
    const answer = await channel.unary(listNodes, request, { signal: never, ...options });
    return (answer as unknown as { nextPageToken: string }).nextPageToken;
  };
  return { channel, call };
}

it('calls over TLS, with its token and the time it may take', async () => {
  const { endpoint, certificate } = await serve(
    async ({ requestHeader, timeoutMs }) => ({
      nextPageToken: `${requestHeader.get('authorization')} ${Math.ceil((timeoutMs() ?? 0) / 1000)}`,
    }),
    { tls: true },
  );
  const { call } = channelTo(endpoint, certificate);
  expect(await call({ timeoutMs: 20_000 })).toBe('Bearer secret 20');
});

it('takes answers and gives requests of any size', async () => {
  const text = 'x'.repeat(20_000_000);
  const { endpoint } = await serve(async () => ({ nextPageToken: text }));
  const { call } = channelTo(endpoint);
  expect(await Promise.all([call(), call()])).toEqual([text, text]);
});

it('leaves nothing on its connection after calls one after the other', async () => {
  const { endpoint } = await serve(async () => ({ nextPageToken: '' }));
  const added = jest.spyOn(EventEmitter.prototype, 'once');
  const { call } = channelTo(endpoint);
  try {
    await call();
    const closes = (): number => {
      const { results } = added.mock;
      const sessions = new Set(results.map(({ value }) => value as EventEmitter));
      const counts = [...sessions]
        .filter((one) => one.constructor.name === 'ClientHttp2Session')
        .map((one) => one.listenerCount('close'));
      return Math.max(...counts);
    };
    const before = closes();
    for (let i = 0; i < 12; i += 1) await call();
    expect(closes()).toBe(before);
  } finally {
    added.mockRestore();
  }
});

it('tells an error with all that the server says of it', async () => {
  const { endpoint } = await serve(async () => {
    const fieldViolations = [{ field: 'spec.name', description: 'is täken' }];
    throw new ConnectError('no: 100 % täken', Code.InvalidArgument, undefined, [
      { desc: BadRequestSchema, value: { fieldViolations } },
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
    ]);
  });
  await expect(channelTo(endpoint).call()).rejects.toMatchObject({
    code: 'invalid_argument',
    message: 'no: 100 % täken',
    facts: { violations: [{ path: 'spec.name', message: 'is täken' }], retryAfterMs: 1_500 },
  });
});

it.each([
  ['compressed', [1, 0, 0, 0, 0], /compressed/],
  ['cut off', [0, 0, 0, 0, 9, 1], /cut off/],
  ['of 4 GiB', [0, 255, 255, 255, 255], /4294967295 bytes/],
  ['no message', [0, 0, 0, 0, 2, 0x0a, 0xff], /is no ListNodesResponse/],
])('fails at an answer that is %s', async (_, bytes, message) => {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, withTrailers);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from(bytes));
  });
  const { call } = channelTo((await listen(server, 'http')).endpoint);
  await expect(call()).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(message),
  });
});

it('gives a stream as it comes, and leaves it', async () => {
  const { endpoint } = await serve(async () => ({ nextPageToken: '' }));
  const { channel } = channelTo(endpoint);
  const seen: unknown[] = [];
  for await (const answer of channel.stream(watchNodes, create(watchNodes.input), {
    signal: never,
  })) {
    seen.push((answer as unknown as { revision: bigint }).revision);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual([1n, 2n, 3n]);
});

it('ends a stream that is given up', async () => {
  const { endpoint } = await serve(async () => ({ nextPageToken: '' }));
  const { channel } = channelTo(endpoint);
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    const request = create(watchNodes.input);
    for await (const answer of channel.stream(watchNodes, request, { signal: stop.signal })) {
      if ((answer as unknown as { revision: bigint }).revision === 3n) stop.abort();
    }
  };
  await expect(watch()).rejects.toMatchObject({ code: 'canceled' });
});

it('waits no longer than it was told, and no longer than it is wanted', async () => {
  const { endpoint } = await serve(({ signal }) =>
    once(signal, 'abort').then(() => ({ nextPageToken: '' })),
  );
  const { call } = channelTo(endpoint);
  await expect(call({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  const stop = new AbortController();
  const pending = call({ signal: stop.signal });
  setImmediate(() => stop.abort());
  await expect(pending).rejects.toMatchObject({ code: 'canceled' });
  await expect(call({ signal: stop.signal })).rejects.toMatchObject({ code: 'canceled' });
});

it('connects again after the connection is lost, and says that it was', async () => {
  let calls = 0;
  const { endpoint, drop, sessions } = await serve(async () => {
    calls += 1;
    if (calls === 2) drop();
    return { nextPageToken: String(calls) };
  });
  const { call } = channelTo(endpoint);
  expect(await call()).toBe('1');
  const lost = await call().catch((error: unknown) => toApiError(error, endpoint));
  expect(lost).toMatchObject({ code: 'unavailable' });
  expect(await call()).toBe('3');
  expect(sessions.size).toBe(2);
});

it('teaches what to do where nobody answers, or somebody else', async () => {
  const { endpoint, certificate } = await serve(async () => ({ nextPageToken: '' }), { tls: true });
  const refused = 'http://127.0.0.1:1';
  const told = async (to: string, ca?: string): Promise<string> =>
    channelTo(to, ca)
      .call()
      .then(
        () => 'no error',
        (error: unknown) => toApiError(error, to).message,
      );
  expect(await told(refused)).toMatch(/was refused: check that "limiquantix server" runs there/);
  expect(await told(endpoint)).toMatch(/was not signed by the configured CA/);
  expect(await told(endpoint.replace('localhost', '127.0.0.1'), certificate)).toMatch(
    /for other names/,
  );
  const busy = createServer((_, response) => {
    response.writeHead(503, { 'content-type': 'text/html' }).end('<html>');
  });
  const proxy = await listen(busy, 'http');
  const error: unknown = await channelTo(proxy.endpoint)
    .call()
    .catch((given: unknown) => given);
  expect(error).toMatchObject({ code: 'unavailable', message: /HTTP status 503/ });
});
