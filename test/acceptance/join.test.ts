/**
 * How hosts join and connect: over the real listener, with its CA, tokens and client certificates.
 */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { connectControlPlane } from '../../server/src/agent/control-plane.js';
import { type NodeIdentity, readIdentity, writeIdentity } from '../../server/src/agent/identity.js';
import { join } from '../../server/src/agent/join.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { silentLog } from '../../server/src/log.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';

jest.setTimeout(30_000);

let directory = '';
let server: RunningServer;

const start = (name: string): Promise<RunningServer> =>
  startServer({
    dataDirectory: joinPath(directory, name),
    listen: ['127.0.0.1:0'],
    names: [],
    northbound: `unix:${joinPath(directory, 'no-ovn.sock')}`,
    simulate: 0,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: 'test',
  });

beforeAll(async () => {
  directory = await mkdtemp(joinPath(tmpdir(), 'lqx-join-'));
  server = await start('server');
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

it('keeps a second server off its data directory', async () => {
  await expect(start('server')).rejects.toMatchObject({
    reason: 'DATA_DIRECTORY_IN_USE',
    message: expect.stringContaining(`process ${process.pid}`),
  });
});

async function joinToken(of: RunningServer, nodeName = ''): Promise<string> {
  const tokens = createClient(TokenService, createTransport(of.profile));
  return (await tokens.createJoinToken({ nodeName })).token;
}

const joinAs = (token: string, nodeName: string): Promise<NodeIdentity> =>
  join({ serverUrl: server.profile.endpoint, joinToken: token, nodeName });

const hello = create(ConnectRequestSchema, {
  message: { case: 'hello', value: { agentVersion: 'test', session: 's' } },
});

/** An agent that says hello and then nothing. */
async function* quiet(signal: AbortSignal): AsyncGenerator<ConnectRequest> {
  yield hello;
  await new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}

function connect(identity: NodeIdentity) {
  const end = new AbortController();
  const controlPlane = connectControlPlane(identity.serverUrl, identity);
  const stream = controlPlane.open(quiet(end.signal), end.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<ConnectResponse['message']> => {
    const { value } = (await stream.next()) as { value: ConnectResponse };
    return value.message;
  };
  const close = (): void => {
    end.abort();
    controlPlane.close();
  };
  /** Reads on until the stream fails: what the node looks like may still come before. */
  const untilRefused = async (): Promise<never> => {
    for (;;) await next();
  };
  return { next, untilRefused, close, controlPlane };
}

it('joins with a token, once, and connects with the certificate that it got', async () => {
  const token = await joinToken(server);
  const identity = await joinAs(token, 'alpha');
  const agent = connect(identity);
  expect(await agent.next()).toMatchObject({
    case: 'welcome',
    value: { nodeId: identity.nodeId },
  });
  const snapshot = await agent.next();
  expect(snapshot).toMatchObject({ case: 'desired', value: { snapshot: true } });
  expect(snapshot.case === 'desired' && snapshot.value.upserts.map(({ type }) => type)).toEqual([
    'node',
  ]);
  agent.close();
  await expect(joinAs(token, 'beta')).rejects.toThrow(/join token/);
});

it('takes the place of an older stream of the same node', async () => {
  const identity = await joinAs(await joinToken(server), 'gamma');
  const [first, second] = [connect(identity), connect(identity)];
  await first.next();
  await first.next();
  await second.next();
  await expect(first.untilRefused()).rejects.toThrow(/newer stream/);
  first.close();
  second.close();
});

it('refuses a node that was removed, until it joins again', async () => {
  const identity = await joinAs(await joinToken(server), 'delta');
  const agent = connect(identity);
  await agent.next();
  await agent.next();
  const client = new ResourceClient(createTransport(server.profile));
  await client.delete(contractTypes.get('node'), identity.nodeId);
  await expect(agent.untilRefused()).rejects.toThrow(/join it again/);
  agent.close();
  const again = connect(identity);
  await expect(again.next()).rejects.toThrow(/join it again/);
  again.close();
  expect((await joinAs(await joinToken(server), 'delta')).nodeId).not.toBe(identity.nodeId);
});

it('does not let an agent use the API, nor a user be an agent', async () => {
  const identity = await joinAs(await joinToken(server), 'epsilon');
  const agent = connect(identity);
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';
  const read = agent.controlPlane.readImage(id, 0n)[Symbol.asyncIterator]();
  await expect(read.next()).rejects.toThrow(/image/);
  agent.close();
  const nobody = connect({ ...identity, keyPem: '', certificatePem: '' });
  await expect(nobody.next()).rejects.toThrow(/token/);
  nobody.close();
});

it('refuses a server with another CA than the token was made with', async () => {
  const other = await start('other');
  const token = await joinToken(other);
  await other.stop();
  await expect(joinAs(token, 'zeta')).rejects.toMatchObject({ reason: 'WRONG_CA' });
  await expect(joinAs('lqxj_1_2', 'zeta')).rejects.toMatchObject({
    reason: 'JOIN_TOKEN_MALFORMED',
  });
});

it('refuses a token that was made for another node', async () => {
  const token = await joinToken(server, 'eta');
  await expect(joinAs(token, 'theta')).rejects.toThrow(/for node "eta"/);
  await joinAs(token, 'eta');
});

it('keeps an identity that only its owner can read', async () => {
  const identity = await joinAs(await joinToken(server), 'iota');
  const folder = joinPath(directory, 'agent');
  expect(await readIdentity(folder)).toBeUndefined();
  await writeIdentity(folder, identity);
  expect(await readIdentity(folder)).toEqual(identity);
  expect((await stat(joinPath(folder, 'identity.json'))).mode & 0o777).toBe(0o600);
  expect(await readFile(joinPath(folder, 'identity.json'), 'utf8')).toContain('PRIVATE KEY');
});

it('keeps its profile and its token over a restart', async () => {
  const { token, caCertificate } = server.profile;
  await server.stop();
  server = await start('server');
  expect(server.profile).toMatchObject({ token, caCertificate });
});
