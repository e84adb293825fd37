/** gRPC on our own streams: what well-formed and malformed calls get, and that calls end. */
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { frameOf } from '@limiquantix/proto/grpc/wire.js';
import {
  CreateProjectRequestSchema,
  CreateProjectResponseSchema,
  WatchProjectsRequestSchema,
} from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { WaitOperationRequestSchema } from '@limiquantix/proto/operations/v1/operation_service_pb.js';
import { VirtualClock } from '../../reconcile/virtual-clock.js';
import { Load } from '../load.js';
import { startTestInstallation, type TestInstallation } from '../test-installation.js';
import { RequestBody } from './wire.js';

const clock = new VirtualClock(Date.UTC(2026, 0, 1));
const limits = { requestsMax: 8, watchesMax: 1 };
let installation: TestInstallation;
let session: ClientHttp2Session;

beforeAll(async () => {
  installation = await startTestInstallation({ clock, load: new Load(limits, () => 0.5) });
  session = connect(installation.endpoint, { ca: installation.authority.certificatePem });
}, 30_000);
afterAll(async () => {
  session.close();
  await installation.stop();
});

const projects = '/limiquantix.identity.v1.ProjectService';
const createProject = `${projects}/CreateProject`;
const watchProjects = `${projects}/WatchProjects`;
const waitOperation = '/limiquantix.operations.v1.OperationService/WaitOperation';

const requestOf = (name: string): Uint8Array =>
  toBinary(
    CreateProjectRequestSchema,
    create(CreateProjectRequestSchema, { project: { name, spec: {} } }),
  );

function open(path: string, headers: IncomingHttpHeaders = {}) {
  return session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    authorization: `Bearer ${installation.token}`,
    ...headers,
  });
}

/** Everything that a stream comes to: bytes, and headers and trailers together. */
function outcome(stream: ReturnType<typeof open>) {
  return new Promise<{ headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
    const pieces: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    const note = (more: IncomingHttpHeaders): void => {
      headers = { ...headers, ...more };
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('end', () => resolve({ headers, body: Buffer.concat(pieces) }));
  });
}

async function call(pieces: readonly Uint8Array[], headers: IncomingHttpHeaders = {}) {
  const stream = open(createProject, headers);
  const ended = outcome(stream);
  for (const piece of pieces) {
    await new Promise((resolve) => stream.write(piece, resolve));
  }
  stream.end();
  return ended;
}

const nameIn = (body: Buffer): string | undefined =>
  fromBinary(CreateProjectResponseSchema, body.subarray(5)).project?.name;

const statusOf = (headers: IncomingHttpHeaders) => ({
  code: Number(headers['grpc-status']),
  message: decodeURIComponent(String(headers['grpc-message'] ?? '')),
});

describe('a call', () => {
  it.each(['application/grpc', 'application/grpc+proto'])('of %s is answered', async (type) => {
    const name = `type-${type.length}`;
    const { body, headers } = await call([frameOf(requestOf(name))], { 'content-type': type });
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc+proto' });
    expect(headers['grpc-status']).toBe('0');
    expect(nameIn(body)).toBe(name);
  });

  it('may come in pieces, cut anywhere', async () => {
    const frame = frameOf(requestOf('pieces'));
    const cuts = [1, 4, 5, 6, frame.length - 1];
    const pieces = [0, ...cuts].map((from, i) => frame.subarray(from, cuts[i]));
    expect(nameIn((await call(pieces)).body)).toBe('pieces');
  });

  it('that is compressed is answered by Connect', async () => {
    const frame = frameOf(gzipSync(requestOf('compressed')));
    frame[0] = 1;
    const { headers, body } = await call([frame], { 'grpc-encoding': 'gzip' });
    expect(statusOf(headers)).toEqual({ code: 0, message: '' });
    expect(nameIn(body)).toBe('compressed');
  });

  it('of no method gets 404', async () => {
    const stream = open('/limiquantix.identity.v1.ProjectService/None');
    stream.end();
    expect((await outcome(stream)).headers[':status']).toBe(404);
  });

  const frame = frameOf(requestOf('malformed'));
  const compressed = Buffer.from(frame);
  compressed[0] = 1;
  const cases: [string, readonly Uint8Array[], Code, string][] = [
    ['no message', [], Code.Unimplemented, 'missing input message'],
    ['a part of a prefix', [frame.subarray(0, 3)], Code.InvalidArgument, 'incomplete envelope'],
    ['a part of a message', [frame.subarray(0, 9)], Code.InvalidArgument, 'incomplete envelope'],
    ['two messages', [frame, frame], Code.Unimplemented, 'extra input message'],
    ['an unknown compression', [compressed], Code.Internal, 'no header says how'],
    ['no protobuf', [frameOf(new Uint8Array([0x0a, 0xff]))], Code.Internal, 'parse binary'],
  ];
  it.each(cases)('with %s is refused', async (_, pieces, code, message) => {
    const status = statusOf((await call(pieces)).headers);
    expect(status.code).toBe(code);
    expect(status.message).toContain(message);
  });

  it('with a timeout that is none is refused', async () => {
    const { headers } = await call([frame], { 'grpc-timeout': 'soon' });
    expect(statusOf(headers).code).toBe(Code.InvalidArgument);
  });
});

describe('a call that lasts', () => {
  const waiting = async (headers: IncomingHttpHeaders = {}) => {
    const { context } = installation;
    const { operation } = await startOperation();
    const stream = open(waitOperation, headers);
    const request = create(WaitOperationRequestSchema, { id: operation });
    stream.end(frameOf(toBinary(WaitOperationRequestSchema, request)));
    return { stream, context };
  };

  /** An operation that nobody works on. */
  async function startOperation() {
    const { context } = installation;
    const { OperationSchema } = await import('@limiquantix/proto/operations/v1/operation_pb.js');
    const { recordWrites } = await import('../../resource/record.js');
    const id = context.newId();
    const name = `op-${id}`;
    const operation = create(OperationSchema, { id, name, projectId: 'default', spec: {} });
    const writes = recordWrites(context.types.get('operation'), operation);
    await context.store.commit({ require: [], writes });
    return { operation: id };
  }

  it('ends at its deadline', async () => {
    const { stream } = await waiting({ 'grpc-timeout': '5S' });
    const ended = outcome(stream);
    // The call's own wait is longer: what is due first is the deadline.
    while (clock.nextDueMs === undefined) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5_000);
    expect(statusOf((await ended).headers).code).toBe(Code.DeadlineExceeded);
  });

  it('ends with its client, and makes room for another', async () => {
    const watch = () => {
      const stream = open(watchProjects);
      const request = create(WatchProjectsRequestSchema);
      stream.end(frameOf(toBinary(WatchProjectsRequestSchema, request)));
      return stream;
    };
    const first = watch();
    await new Promise((resolve) => first.once('data', resolve));
    expect(statusOf((await outcome(watch())).headers).code).toBe(Code.ResourceExhausted);
    first.on('error', () => undefined);
    first.destroy();
    // The server learns of it in its own time.
    for (let code = -1; code !== 0; ) {
      const next = watch();
      code = await Promise.race([
        new Promise<number>((resolve) => next.once('data', () => resolve(0))),
        outcome(next).then(({ headers }) => statusOf(headers).code),
      ]);
      next.on('error', () => undefined);
      next.destroy();
    }
  });
});

describe('a body', () => {
  it('that is too long is read to its end without being kept', () => {
    const body = new RequestBody(10);
    expect(body.push(frameOf(new Uint8Array(11)))).toBe(true);
    for (let i = 0; i < 255; i += 1) expect(body.push(new Uint8Array(1024 * 1024))).toBe(true);
    expect(body.push(new Uint8Array(2 * 1024 * 1024))).toBe(false);
    expect(() => body.message()).toThrow('a message of the request has 11 bytes');
  });

  it('is told from its first bytes to be too long', () => {
    const body = new RequestBody(10);
    const prefix = frameOf(new Uint8Array(11)).subarray(0, 5);
    body.push(prefix.subarray(0, 2));
    body.push(prefix.subarray(2));
    expect(() => body.message()).toThrow('a message of the request has 11 bytes');
  });
});
