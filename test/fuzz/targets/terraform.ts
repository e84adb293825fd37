/** What Terraform and the control plane send to the provider: values, calls, answers. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import {
  ListNodesRequestSchema,
  ListNodesResponseSchema,
  NodeService,
} from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { frameOf } from '@limiquantix/proto/grpc/wire.js';
import { createChannel } from '../../../provider/src/client/channel.js';
import { GrpcFailure } from '../../../provider/src/client/grpc-failure.js';
import { grpcServer } from '../../../provider/src/plugin/grpc-server.js';
import {
  handshakeLine,
  type PluginEnvironment,
  refusal,
} from '../../../provider/src/plugin/handshake.js';
import { decodeValue } from '../../../provider/src/value/msgpack-decode.js';
import { encodeValue } from '../../../provider/src/value/msgpack-encode.js';
import type { TerraformType } from '../../../provider/src/value/type.js';
import {
  Decimal,
  isList,
  isNumber,
  isUnknown,
  record,
  sameValue,
  UNKNOWN,
  Unknown,
  type Value,
} from '../../../provider/src/value/value.js';
import { Random, seedOf } from '../random.js';
import { holds, type Target } from '../target.js';

const attributes = ['name', 'cpu', 'disks', 'labels', 'size_gib', 'id'];

/** Names that every object of JavaScript has, and one that none has. */
const foreign = ['__proto__', 'constructor', 'toString', 'other'];

/** A value of a type; the first two bytes say of which. */
const msgpack: Target = {
  name: 'msgpack',
  make(random) {
    const head = random.bytes(2);
    return Buffer.concat([head, encodeValue(randomValue(random, typeOf(head)))]);
  },
  run(input) {
    const type = typeOf(input);
    const value = decodeValue(input.subarray(2), type);
    holds(fits(value, type), 'a value came out that is not of the type');
    const again = decodeValue(encodeValue(value), type);
    holds(sameValue(value, again), 'a value that is written again is another one');
    return value;
  },
  isRefusal: (error) => error instanceof RangeError || error instanceof TypeError,
};

function fits(value: Value, type: TerraformType): boolean {
  if (value === null || isUnknown(value)) return true;
  if (type === 'number') return isNumber(value);
  if (typeof type === 'string') return typeof value === (type === 'bool' ? 'boolean' : type);
  if (isList(value)) return type.kind !== 'object' && value.every((one) => fits(one, type.element));
  return Object.entries(value).every(([name, one]) => {
    if (type.kind !== 'object') return fits(one, type.element);
    const attribute = Object.hasOwn(type.attributes, name) ? type.attributes[name] : undefined;
    return attribute !== undefined && fits(one, attribute);
  });
}

function typeOf([first = 0, second = 0]: Uint8Array): TerraformType {
  return randomType(new Random(seedOf(first, second)), 0);
}

function randomType(random: Random, depth: number): TerraformType {
  if (depth > 3 || random.chance(0.3)) return random.pick(['string', 'number', 'bool'] as const);
  const element = () => randomType(random, depth + 1);
  const kind = random.pick(['list', 'set', 'map', 'object', 'object'] as const);
  if (kind !== 'object') return { kind, element: element() };
  const given = attributes.filter(() => random.chance(0.6));
  return { kind, attributes: Object.fromEntries(given.map((name) => [name, element()])) };
}

function randomValue(random: Random, type: TerraformType): Value {
  if (random.chance(0.08)) return null;
  if (random.chance(0.08)) return random.chance(0.5) ? UNKNOWN : new Unknown(random.bytes(3));
  if (type === 'string') return random.text();
  if (type === 'bool') return random.chance(0.5);
  if (type === 'number') return numberOf(random);
  if (type.kind === 'object') {
    const entries = Object.entries(type.attributes);
    const given = entries.map(([name, inner]) => [name, randomValue(random, inner)] as const);
    const other = random.chance(0.03) ? [[random.pick(foreign), null] as const] : [];
    return record([...given, ...other]);
  }
  const items = random.many(4, () => randomValue(random, type.element));
  if (type.kind !== 'map') return items;
  const key = (): string => (random.chance(0.1) ? random.pick(foreign) : random.text(5));
  return record(items.map((item) => [key(), item] as const));
}

function numberOf(random: Random): Value {
  const edge = random.edge();
  return random.pick<Value>([
    ...[edge, -edge, edge / 7, BigInt(edge) ** 2n, -(BigInt(edge) ** 3n)],
    new Decimal(`${edge}.${edge}${edge}1`),
  ]);
}

/** What Terraform says to a process that it starts; the lines are the parts of its environment. */
const handshake: Target = {
  name: 'handshake',
  isText: true,
  words: ['5', '6', ',', '5,6', '\n', '-', '6.0', 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a2'],
  make: (random) =>
    Buffer.from(
      [
        'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
        random.pick(['5,6', '6', '5', '4,5,6,7', random.text()]),
        random.text(),
      ].join('\n'),
    ),
  run(input) {
    const [cookie, versions, path = ''] = Buffer.from(input).toString('latin1').split('\n');
    const environment: PluginEnvironment = {
      ...{ cookie, versions, clientCertificate: undefined, socketParent: '/' },
    };
    const why = refusal(environment);
    const speaks = versions?.split(',').some((one) => Number(one) === 6) ?? true;
    holds(why !== undefined || speaks, 'it serves a Terraform that does not speak version 6');
    const line = handshakeLine(path, Buffer.from(input));
    holds(line.split('\n').length === 2 || path.includes('\n'), 'the handshake is no single line');
    return line;
  },
  isRefusal: () => false,
};

/** One way to talk by HTTP/2 to a server in this process, made when it is first needed. */
class Link {
  #session: Promise<ClientHttp2Session> | undefined;

  constructor(private readonly make: () => Http2Server) {}

  async session(): Promise<ClientHttp2Session> {
    const known = await this.#session;
    if (known !== undefined && !known.destroyed && !known.closed) return known;
    this.#session = this.#open();
    return this.#session;
  }

  async endpoint(): Promise<string> {
    const server = this.make();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.unref();
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async #open(): Promise<ClientHttp2Session> {
    const session = connect(await this.endpoint());
    session.on('error', () => undefined);
    return session;
  }
}

const echoPath = '/fuzz.Echo/Unary';
const pluginLink = new Link(() =>
  grpcServer(
    () => new Map([[echoPath, { kind: 'unary', handle: (request) => request } as const]]),
    undefined,
  ),
);

/** The bodies of calls to the provider's own server, and the words of its errors. */
const plugin: Target = {
  name: 'plugin-server',
  make: (random) =>
    Buffer.concat([
      random.bytes(1),
      ...random.many(2, () => frameOf(random.bytes(random.size(40)))),
    ]),
  async run(input) {
    const session = await pluginLink.session();
    const kind = input[0] ?? 0;
    const path =
      kind % 8 === 0 ? `/${Buffer.from(input.subarray(0, 99)).toString('hex')}` : echoPath;
    const stream = session.request({ ':method': 'POST', ':path': path });
    stream.end(Buffer.from(input.subarray(1)));
    const { status, body } = await answerOf(stream);
    holds(status !== undefined, 'a call ends without a status');
    const isOne = isOneFrame(input.subarray(1));
    holds(
      path !== echoPath || (status === '0') === isOne,
      `${status} for ${isOne ? 'one' : 'no'} message`,
    );
    if (isOne && path === echoPath) holds(body.equals(input.subarray(1)), 'it got another message');
    return body;
  },
  isRefusal: () => false,
};

function isOneFrame(bytes: Uint8Array): boolean {
  if (bytes.length < 5 || bytes[0] !== 0) return false;
  return Buffer.from(bytes).readUInt32BE(1) === bytes.length - 5;
}

async function answerOf(stream: ClientHttp2Stream) {
  let status: unknown;
  const heed = (headers: IncomingHttpHeaders): void => {
    status ??= headers['grpc-status'];
  };
  const chunks: Buffer[] = [];
  stream.on('response', heed).on('trailers', heed);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  await new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return { status, body: Buffer.concat(chunks) };
}

let answer: Uint8Array = Buffer.alloc(0);
const controlPlane = new Link(() => {
  const server = createServer();
  server.on('stream', (stream) => {
    const [kind = 0, ...rest] = answer;
    const body = Buffer.from(rest);
    stream.on('error', () => undefined);
    const status = { 'grpc-status': String(kind >> 4), 'grpc-message': body.toString('hex') };
    const bin = { 'grpc-status-details-bin': body.toString('base64') };
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => {
      if (kind % 4 === 3) stream.close();
      else stream.sendTrailers(kind % 4 === 2 ? { ...status, ...bin } : { 'grpc-status': '0' });
    });
    // Cut in two where a message may be in two pieces.
    stream.write(body.subarray(0, kind));
    stream.end(body.subarray(kind));
  });
  return server;
});
let channel: ReturnType<typeof createChannel> | undefined;

/** The control plane's answers as the provider reads them; the first byte says how they end. */
const answers: Target = {
  name: 'provider-channel',
  bytesMax: 8 * 1024,
  make(random) {
    const kind = Buffer.of(random.pick([0, 1, 4, 5, 16, 2, 34, 66, 3]));
    const frames = random.many(3, () => frameOf(nodesOf(random)));
    return Buffer.concat([kind, ...frames]);
  },
  async run(input) {
    answer = input;
    channel ??= createChannel({
      endpoint: await controlPlane.endpoint(),
      token: 'fuzz',
      caCertificate: undefined,
    });
    const options = { signal: new AbortController().signal, timeoutMs: 5_000 };
    const { listNodes, watchNodes } = NodeService.method;
    const request = create(ListNodesRequestSchema);
    const errors: unknown[] = [];
    const got: unknown[] = [];
    const add = (error: unknown): unknown => errors.push(error);
    await channel.unary(listNodes, request, options).then((one) => got.push(one), add);
    try {
      for await (const one of channel.stream(watchNodes, request, options)) got.push(one);
    } catch (error) {
      add(error);
    }
    const wrong = errors.find((error) => !(error instanceof GrpcFailure));
    if (wrong !== undefined) throw wrong;
    const late = errors.find((error) => (error as GrpcFailure).code === 'deadline_exceeded');
    const isSaid = (input[0] ?? 0) >> 4 === 4;
    holds(late === undefined || isSaid, 'an answer that came is waited for');
    return got;
  },
  isRefusal: () => false,
};

function nodesOf(random: Random): Uint8Array {
  const nodes = random.many(3, () => ({ name: random.text(), labels: { a: random.text() } }));
  return toBinary(ListNodesResponseSchema, create(ListNodesResponseSchema, { nodes }));
}

/** What of Terraform's side is fuzzed. */
export const terraformTargets: readonly Target[] = [msgpack, handshake, plugin, answers];
