import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from './certificate.js';
import type { Method } from './grpc-server.js';
import { handshakeLine, refusal } from './handshake.js';
import { serve } from './serve.js';

const cookie = 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2';
const certificate = () => selfSigned({ nowMs: Date.now(), serial: randomBytes(16) });

test('the certificate is a valid one for localhost, signed by its own key', () => {
  const { der, certificatePem } = certificate();
  const parsed = new X509Certificate(certificatePem);
  expect(parsed.raw.equals(der)).toBe(true);
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect(parsed.checkHost('localhost')).toBe('localhost');
  expect(parsed.ca).toBe(true);
  expect(Date.parse(parsed.validTo)).toBeGreaterThan(Date.now());
});

test('refuses to run by hand, and under a Terraform of another protocol', () => {
  const environment = { cookie, versions: '5,6', clientCertificate: undefined, socketParent: '/' };
  expect(refusal(environment)).toBeUndefined();
  expect(refusal({ ...environment, cookie: undefined })).toMatch(/started by Terraform itself/);
  expect(refusal({ ...environment, versions: '4,5' })).toMatch(/speaks version 6/);
});

test('the handshake carries the certificate without padding', () => {
  expect(handshakeLine('/tmp/s', Buffer.from('a'))).toBe('1|6|unix|/tmp/s|grpc|YQ\n');
});

describe('a serving plugin', () => {
  const parent = mkdtempSync(join(tmpdir(), 'lqx-plugin-test-'));
  afterAll(() => rmdirSync(parent));

  async function start(methods: [string, Method][]) {
    const client = certificate();
    let onExit: (code: number) => void = () => undefined;
    const exited = new Promise<number>((resolve) => {
      onExit = resolve;
    });
    const line = await new Promise<string>((write) => {
      serve({
        environment: {
          cookie,
          versions: '6',
          clientCertificate: client.certificatePem,
          socketParent: parent,
        },
        methods: new Map(methods),
        nowMs: Date.now(),
        write,
        exit: (code) => onExit(code),
      });
    });
    const [, , , path = '', , encoded = ''] = line.trim().split('|');
    const server = `-----BEGIN CERTIFICATE-----\n${encoded}\n-----END CERTIFICATE-----\n`;
    const session = connect('https://localhost', {
      createConnection: () =>
        connectTls({
          path,
          ca: [new X509Certificate(Buffer.from(encoded, 'base64')).toString()],
          cert: client.certificatePem,
          key: client.keyPem,
          servername: 'localhost',
          ALPNProtocols: ['h2'],
        }),
    });
    return { session, exited, path, server };
  }

  async function call(session: ClientHttp2Session, path: string, message: string) {
    const body = Buffer.from(message);
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
    });
    const chunks: Buffer[] = [];
    let status: unknown;
    stream.on('response', (headers) => {
      status = headers['grpc-status'] ?? status;
    });
    stream.on('trailers', (headers) => {
      status = headers['grpc-status'];
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(framed);
    await new Promise((resolve) => stream.on('close', resolve));
    return { status, body: Buffer.concat(chunks).toString('latin1') };
  }

  test('answers by mutual TLS, streams, refuses what it has not, and takes its socket away', async () => {
    const { session, exited } = await start([
      ['/t/Echo', { kind: 'unary', handle: (request) => request }],
      ['/t/Fail', { kind: 'unary', handle: () => Promise.reject(new Error('no')) }],
      [
        '/t/Twice',
        {
          kind: 'stream',
          async *handle(request) {
            yield request;
            yield request;
          },
        },
      ],
    ]);
    expect(await call(session, '/t/Echo', 'hi')).toEqual({ status: '0', body: '\0\0\0\0\x02hi' });
    expect(await call(session, '/t/Twice', 'a')).toEqual({
      status: '0',
      body: '\0\0\0\0\x01a\0\0\0\0\x01a',
    });
    expect(await call(session, '/t/Fail', '')).toMatchObject({ status: '13' });
    expect(await call(session, '/t/Nothing', '')).toMatchObject({ status: '12' });
    expect(await call(session, '/grpc.health.v1.Health/Check', '')).toMatchObject({
      body: '\0\0\0\0\x02\x08\x01',
    });
    expect(await call(session, '/plugin.GRPCController/Shutdown', '')).toMatchObject({
      status: '0',
    });
    expect(await exited).toBe(0);
    session.destroy();
    expect(readdirSync(parent)).toEqual([]);
  });
});
