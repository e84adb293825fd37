/** The listener: who gets in and how, and what else it answers. */
import { randomBytes, webcrypto } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { ErrorInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { CertificateAuthority } from '../identity/certificate-authority.js';
import { silentLog } from '../log.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { createAuth } from './auth.js';
import { parseListenAddress } from './listen.js';
import { Load } from './load.js';
import { loadLimitsDefault } from './load-limits.js';
import { startApiServer } from './server.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

let installation: TestInstallation;
const clock = new VirtualClock(Date.UTC(2026, 0, 1));

beforeAll(async () => {
  installation = await startTestInstallation({ clock });
});
afterAll(() => installation.stop());

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => ConnectError.from(cause),
  );
  if (error === undefined) throw new Error('was not refused');
  const [info] = error.findDetails(ErrorInfoSchema);
  return { code: error.code, reason: info?.reason, message: error.rawMessage };
};

const listWith = (token: string | undefined) =>
  installation.client(NodeService, { token }).listNodes({});

/** A plain HTTPS request, without Connect's client. */
const fetchPlain = (path: string, options: RequestOptions = {}, body?: string) =>
  new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const url = new URL(path, installation.endpoint);
    const ca = installation.authority.certificatePem;
    const call = request(url, { ca, agent: false, ...options }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });

async function keyWithRequest() {
  const { Pkcs10CertificateRequestGenerator, PemConverter } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { csrPem: csr.toString('pem'), keyPem: PemConverter.encode(der, 'PRIVATE KEY') };
}

describe('API tokens', () => {
  const unauthenticated = (reason: string) => ({ code: Code.Unauthenticated, reason });

  it('let their user in until they are revoked', async () => {
    const service = installation.client(TokenService);
    const { token, id } = await service.issueUserToken({ name: 'ci' });
    expect(token).toMatch(/^lqx_[0-9a-f]{16}_[0-9a-f]{64}$/);
    await listWith(token);
    const { tokens } = await service.listTokens({});
    expect(tokens.map(({ name }) => name).sort()).toEqual(['ci', 'tester']);
    await service.revokeToken({ id });
    const refused = await refusal(listWith(token));
    expect(refused).toMatchObject(unauthenticated('TOKEN_UNKNOWN'));
    expect(refused.message).toContain('limiquantix token create');
  });

  it('are refused when missing, malformed, unknown or of another kind', async () => {
    expect(await refusal(listWith(undefined))).toMatchObject(unauthenticated('TOKEN_MISSING'));
    expect(await refusal(listWith('x'))).toMatchObject(unauthenticated('TOKEN_MALFORMED'));
    const wrong = installation.token.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    expect(await refusal(listWith(wrong))).toMatchObject(unauthenticated('TOKEN_UNKNOWN'));
    const { token } = await installation.client(TokenService).createJoinToken({});
    expect(await refusal(listWith(token))).toMatchObject(unauthenticated('TOKEN_MALFORMED'));
  });

  it('expire', async () => {
    const service = installation.client(TokenService);
    const { token } = await service.issueUserToken({ name: 'short', expiresInSeconds: 60n });
    await listWith(token);
    clock.advance(61_000);
    const refused = await refusal(listWith(token));
    expect(refused).toMatchObject(unauthenticated('TOKEN_EXPIRED'));
    expect(refused.message).toContain('2026-01-01T00:01:00');
  });

  it('are stored as hashes', async () => {
    const { entries } = await installation.context.store.list({ prefix: '', limit: 1000 });
    const secret = installation.token.split('_')[2] ?? 'none';
    for (const { value } of entries) expect(Buffer.from(value).includes(secret)).toBe(false);
  });
});

describe('joining', () => {
  it('gives a node a certificate that lets its agent in, and nobody else', async () => {
    const { token } = await installation.client(TokenService).createJoinToken({ nodeName: 'h1' });
    expect(token.endsWith(`_${installation.authority.fingerprint}`)).toBe(true);
    const anybody = installation.client(AgentService, { token: undefined });
    const { csrPem, keyPem } = await keyWithRequest();
    const other = anybody.register({ joinToken: token, nodeName: 'h2', csrPem });
    expect(await refusal(other)).toMatchObject({ reason: 'TOKEN_OF_OTHER_NODE' });
    const bad = anybody.register({ joinToken: token, nodeName: 'h1', csrPem: 'x'.repeat(100) });
    expect(await refusal(bad)).toMatchObject({ reason: 'CSR_INVALID' });
    const joined = await anybody.register({ joinToken: token, nodeName: 'h1', csrPem });
    const again = anybody.register({ joinToken: token, nodeName: 'h1', csrPem });
    expect(await refusal(again)).toMatchObject({ code: Code.Unauthenticated });

    const certificate = { keyPem, certificatePem: joined.certificatePem };
    const agent = installation.client(AgentService, { token: undefined, certificate });
    for await (const { data } of agent.readImage({ imageId: joined.nodeId })) {
      expect(Buffer.from(data).toString()).toBe(joined.nodeId);
    }
    const nodes = installation.client(NodeService, { token: undefined, certificate });
    expect(await refusal(nodes.listNodes({}))).toMatchObject({ code: Code.PermissionDenied });
    const { node } = await installation.client(NodeService).getNode({ id: joined.nodeId });
    expect(node?.name).toBe('h1');
  });

  it('does not believe a certificate of another authority', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'limiquantix-ca-'));
    const nowMs = () => clock.nowMs();
    const other = await CertificateAuthority.open({ directory, nowMs, randomBytes });
    const { csrPem, keyPem } = await keyWithRequest();
    const certificatePem = await other.signAgent(csrPem, 'n1');
    rmSync(directory, { recursive: true });
    const certificate = { keyPem, certificatePem };
    const agent = installation.client(AgentService, { token: undefined, certificate });
    const read = async () => {
      for await (const _piece of agent.readImage({ imageId: 'x' })) return;
    };
    expect(await refusal(read())).toMatchObject({ reason: 'TOKEN_MISSING' });
  });

  it('keeps users from what is for agents', async () => {
    const read = async () => {
      for await (const _piece of installation.client(AgentService).readImage({})) return;
    };
    expect(await refusal(read())).toMatchObject({ code: Code.PermissionDenied });
  });
});

describe('protocols', () => {
  it.each([
    { protocol: 'connect', httpVersion: '2' },
    { protocol: 'connect', httpVersion: '1.1' },
    { protocol: 'grpc' },
    { protocol: 'grpc-web' },
  ] as const)('answers %o', async (call) => {
    const { revision } = await installation.client(NodeService, call).listNodes({});
    expect(revision).toBeGreaterThan(0n);
    const absent = installation.client(NodeService, call).getNode({ id: 'none' });
    expect(await refusal(absent)).toMatchObject({ code: Code.NotFound, reason: 'NOT_FOUND' });
  });

  it('answers plain JSON', async () => {
    const headers = {
      authorization: `Bearer ${installation.token}`,
      'content-type': 'application/json',
    };
    const path = '/limiquantix.compute.v1.NodeService/ListNodes';
    const answer = await fetchPlain(path, { method: 'POST', headers }, '{"pageSize": 1}');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toHaveProperty('revision');
  });

  it('tells its health and its authority to everybody, and nothing else', async () => {
    expect(await fetchPlain('/healthz')).toMatchObject({ status: 200 });
    expect((await fetchPlain('/ca.pem')).body).toBe(installation.authority.certificatePem);
    expect(await fetchPlain('/')).toMatchObject({ status: 404 });
  });

  it('is not believed by who has another authority', async () => {
    await expect(fetchPlain('/healthz', { ca: [] })).rejects.toThrow(/certificate/);
  });
});

describe('addresses', () => {
  it.each([
    ['127.0.0.1:7443', { kind: 'tcp', host: '127.0.0.1', port: 7443 }],
    ['[::1]:1', { kind: 'tcp', host: '::1', port: 1 }],
    [':80', { kind: 'tcp', host: '0.0.0.0', port: 80 }],
    ['/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ])('are read: %s', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each(['7443', 'host', 'a:b', 'a:99999', '::1:80'])('are refused: %s', (text) => {
    expect(() => parseListenAddress(text)).toThrow('host:port');
  });

  const options = async () => ({
    keyPair: await installation.authority.serverPair([]),
    caPem: installation.authority.certificatePem,
    routes: () => undefined,
    auth: createAuth({ ...installation, log: silentLog }),
    load: new Load(loadLimitsDefault, () => 0.5),
    clock,
    log: silentLog,
    newId: () => 'id',
  });

  it('may be sockets, and one that a killed server left is taken over', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limiquantix-listen-'));
    const path = join(folder, 'api.sock');
    const addresses = [{ kind: 'unix', path }] as const;
    const server = await startApiServer({ ...(await options()), addresses });
    expect(await fetchPlain('/healthz', { socketPath: path })).toMatchObject({ status: 200 });
    const second = startApiServer({ ...(await options()), addresses });
    await expect(second).rejects.toMatchObject({ reason: 'LISTEN_FAILED' });
    renameSync(path, `${path}.kept`);
    await server.close();
    renameSync(`${path}.kept`, path);
    const third = await startApiServer({ ...(await options()), addresses });
    expect(await fetchPlain('/healthz', { socketPath: path })).toMatchObject({ status: 200 });
    await third.close();
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('that are taken are said to be', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { port: number };
    const addresses = [{ kind: 'tcp', host: '127.0.0.1', port }] as const;
    const server = startApiServer({ ...(await options()), addresses });
    await expect(server).rejects.toMatchObject({ reason: 'LISTEN_FAILED' });
    holder.close();
  });
});

it('ends watches when it stops, and says why', async () => {
  const other = await startTestInstallation({ clock });
  const watch = async () => {
    for await (const event of other.client(NodeService).watchNodes({})) {
      if (event.revision > 0n) void other.server.close();
    }
  };
  expect(await refusal(watch())).toMatchObject({ code: Code.Unavailable });
  await other.stop();
});
