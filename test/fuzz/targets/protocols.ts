/** What the control plane reads from the network and disks: messages, frames, etcd, uploads. */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdtempSync } from 'node:fs';
import type { ClientHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  create,
  type DescMessage,
  fromBinary as libraryFromBinary,
  toBinary as libraryToBinary,
  type Message,
} from '@bufbuild/protobuf';
import { type Client, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import {
  EventSchema,
  Event_EventType as EventType,
  KV,
  type RangeResponse,
  RangeResponseSchema,
  type WatchResponse,
  WatchResponseSchema,
} from '@limiquantix/proto/etcd/rpc_pb.js';
import { FrameReader, frameOf } from '@limiquantix/proto/grpc/wire.js';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { ImageSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { Fuzz } from '../../../proto/src/validation/check-testing.js';
import { RequestBody } from '../../../server/src/api/grpc/wire.js';
import { Uploads } from '../../../server/src/api/uploads.js';
import { judgeContent } from '../../../server/src/library/content.js';
import { Downloader } from '../../../server/src/library/download.js';
import { imageUploads } from '../../../server/src/library/image-content.js';
import { Library } from '../../../server/src/library/library.js';
import { VirtualClock } from '../../../server/src/reconcile/virtual-clock.js';
import { LimiError } from '../../../server/src/resource/error.js';
import { readField } from '../../../server/src/resource/field-access.js';
import { contractTypes } from '../../../server/src/resource/type-registry.js';
import { changesAfter } from '../../../server/src/store/etcd/changes.js';
import type { EtcdClient } from '../../../server/src/store/etcd/client.js';
import { Layout } from '../../../server/src/store/etcd/layout.js';
import { withPlainUnary } from '../../../server/src/store/etcd/unary.js';
import {
  encodeQcow2Header,
  parseQcow2Header,
} from '../../../server/src/wire/disk-image/qcow2-header.js';
import type { Random } from '../random.js';
import { holds, Outside, type Target } from '../target.js';
import { pieces } from './libvirt.js';

const nested = (message: DescMessage): DescMessage[] => [
  message,
  ...message.nestedMessages.flatMap(nested),
];
const messages = contractFiles.flatMap((file) => file.messages.flatMap(nested));

/** Any message of the contract; the first two bytes say which. */
const binary: Target = {
  name: 'binary',
  make(random) {
    const index = random.below(messages.length);
    const desc = messages[index] as DescMessage;
    const message = new Fuzz(() => random.unit()).message(desc);
    return Buffer.concat([Buffer.of(index >> 8, index & 0xff), libraryToBinary(desc, message)]);
  },
  run(input) {
    const index = ((input[0] ?? 0) << 8) | (input[1] ?? 0);
    const desc = messages[index % messages.length] as DescMessage;
    const bytes = input.subarray(2);
    // Two bytes are an empty message, which in memory has all of its fields.
    const message = fromBinary(desc, bytes, { partsMax: 2_048 });
    const written = toBinary(desc, message);
    const again = toBinary(desc, fromBinary(desc, written));
    holds(Buffer.from(again).equals(written), 'what is written again is something else');
    // Fields of another wire type are unknown, as the format says; the library reads them anyhow.
    if (hasForeign(desc, message)) return message;
    // In a map's entry it takes what an unknown field holds for fields; ours leaves that out.
    if (written.length !== bytes.length) return message;
    const expected = byTheLibrary(desc, bytes);
    holds(isDeepStrictEqual(message, expected), 'it is read as something else than by the library');
    const byLibrary = libraryToBinary(desc, expected);
    holds(Buffer.from(written).equals(byLibrary), 'it is written otherwise than by the library');
    return message;
  },
  isRefusal: (error) => error instanceof RangeError || isNoText(error),
};

/** The text decoder's own error for bytes that are no UTF-8. */
const isNoText = (error: unknown): boolean =>
  error instanceof TypeError && /utf-?8/i.test(error.message);

/** Of what it takes for fields in a map's entry, it may refuse some. */
function byTheLibrary(desc: DescMessage, bytes: Uint8Array): Message {
  try {
    return libraryFromBinary(desc, bytes);
  } catch (error) {
    throw new Outside(`the library: ${String(error)}`);
  }
}

/** Whether something in a message has the number of a known field, and another wire type. */
function hasForeign(desc: DescMessage, message: Message): boolean {
  const { $unknown: unknown = [] } = message;
  if (unknown.some(({ no }) => desc.fields.some(({ number }) => number === no))) return true;
  return desc.fields.some((field) => {
    if (field.message === undefined) return false;
    const inner = field.message;
    const value = readField(message, field);
    if (value === undefined) return false;
    const all = field.fieldKind === 'message' ? [value] : Object.values(value as object);
    return all.some((one) => hasForeign(inner, one as Message));
  });
}

const bodyBytesMax = 32 * 1024;

/** The body of a call to the API; the first byte says in which pieces it comes. */
const body: Target = {
  name: 'grpc-body',
  bytesPerByte: 20,
  make: (random) =>
    Buffer.concat([
      random.bytes(1),
      ...random.many(2, () => frameOf(random.bytes(random.size(99)))),
    ]),
  run(input) {
    const bytes = Buffer.from(input.subarray(1));
    const isOne = bytes.length >= 5 && bytes.readUInt32BE(1) === bytes.length - 5;
    const read = new RequestBody(bodyBytesMax);
    for (const piece of pieces(input)) if (!read.push(piece)) break;
    const message = read.message();
    holds(isOne, 'a message was read where there is none, or more than one');
    holds(bytes.subarray(5).equals(message), 'another message was read');
    holds(message.length <= bodyBytesMax, 'the message is longer than is allowed');
    return message;
  },
  isRefusal: (error) => error instanceof ConnectError,
};

/** Messages on a stream. */
const frames: Target = {
  name: 'grpc-frames',
  bytesPerByte: 100,
  make: (random) =>
    Buffer.concat([
      random.bytes(1),
      ...random.many(6, () => frameOf(random.bytes(random.size(50)))),
    ]),
  run(input) {
    const bytes = Buffer.from(input.subarray(1));
    const reader = new FrameReader(bodyBytesMax);
    const all: Uint8Array[] = [];
    for (const piece of pieces(input)) all.push(...reader.push(piece));
    const written = Buffer.concat(all.map((one) => frameOf(one)));
    holds(bytes.subarray(0, written.length).equals(written), 'other messages were read');
    holds(reader.isWithin === written.length < bytes.length, 'it is not at the end, nor within');
    return all;
  },
  isRefusal: (error) => error instanceof RangeError,
};

/** The first bytes of disks. */
const disk: Target = {
  name: 'disk-image',
  make(random) {
    const backing = { path: random.text(), format: random.pick(['qcow2', 'raw']) };
    const virtualBytes = random.edge() * random.pick([1, 512, 65_536]) || 512;
    return encodeQcow2Header({ virtualBytes, ...(random.chance(0.4) ? { backing } : {}) });
  },
  run(input) {
    const header = parseQcow2Header(input);
    const head = input.subarray(0, 512);
    const facts = judgeContent({ head, sizeBytes: input.length, declared: undefined });
    if ('fault' in header) return facts;
    holds(
      header.virtualBytes > 0 && header.virtualBytes <= 2 ** 46,
      'a disk of an impossible size',
    );
    holds(header.clusterBytes >= 512 && header.clusterBytes <= 2 ** 21, 'impossible clusters');
    const isForeign = header.backing !== undefined || header.externalData || header.encrypted;
    holds(!isForeign || 'refusal' in facts, 'a disk that refers to other files is taken');
    return facts;
  },
  isRefusal: () => false,
};

const etcdOutput = RangeResponseSchema;

/** Answers of etcd to a call; the first byte says how it ends, and in which pieces it comes. */
const etcdUnary: Target = {
  name: 'etcd-unary',
  make(random) {
    const answer = create(etcdOutput, {
      header: { revision: BigInt(random.edge()) },
      kvs: random.many(4, () => ({ key: random.bytes(4), value: random.bytes(9) })),
      count: BigInt(random.edge()),
    });
    return Buffer.concat([random.bytes(1), frameOf(libraryToBinary(etcdOutput, answer))]);
  },
  async run(input) {
    const stream = Object.assign(new EventEmitter(), {
      end: () => undefined,
      close: () => stream.emit('close'),
    });
    const transport = withPlainUnary({
      session: { request: async () => stream as unknown as ClientHttp2Stream },
      timers: new VirtualClock(),
      transport: {} as Transport,
    });
    const kv: Client<typeof KV> = createClient(KV, transport);
    let outcome: RangeResponse | unknown;
    const call = kv.range({ key: new Uint8Array(1) }, { timeoutMs: 1_000 }).then(
      (response) => {
        outcome = response;
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    await new Promise((resolve) => setImmediate(resolve));
    const status = (input[0] ?? 0) >> 4;
    for (const piece of pieces(input)) stream.emit('data', piece);
    const words = Buffer.from(input.subarray(1, 40)).toString('latin1');
    if (status < 14) {
      stream.emit('trailers', { 'grpc-status': String(status % 4), 'grpc-message': words });
    }
    stream.emit('close');
    await new Promise((resolve) => setImmediate(resolve));
    holds(outcome !== undefined, 'a call never ends');
    await call;
    const { error } = outcome as { readonly error?: unknown };
    if (error !== undefined && !(error instanceof ConnectError)) throw error;
    return outcome;
  },
  isRefusal: () => false,
};

const layout = new Layout('fuzz/');

/** What etcd's watch sends: lengths of two bytes, each before a response. */
const etcdWatch: Target = {
  name: 'etcd-watch',
  make(random) {
    const responses = random.many(4, (at) => {
      const events = random.many(4, () => eventOf(random, at + 1));
      const canceled = random.chance(0.1);
      const init = { events, canceled, compactRevision: BigInt(random.below(2)) };
      const bytes = libraryToBinary(WatchResponseSchema, create(WatchResponseSchema, init));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return Buffer.concat([length, bytes]);
    });
    return Buffer.concat(responses);
  },
  async run(input) {
    const client = {
      watch: async function* () {
        yield* responsesIn(Buffer.from(input));
      },
      repeat: async () => undefined,
    } as unknown as EtcdClient;
    const { signal } = new AbortController();
    let last = 0n;
    for await (const commits of changesAfter({ client, layout, after: 0n, signal })) {
      for (const { revision, events } of commits) {
        last = revision;
        for (const event of events) {
          const key = event.kind === 'put' ? event.entry.key : event.key;
          holds(typeof key === 'string', 'an event has no key');
        }
      }
    }
    return last;
  },
  isRefusal: (error) => error instanceof LimiError,
};

function* responsesIn(bytes: Buffer): Generator<WatchResponse> {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    yield libraryFromBinary(WatchResponseSchema, bytes.subarray(at + 2, end));
    at = end;
  }
}

function eventOf(random: Random, revision: number) {
  const key = layout.key(random.text(5));
  const kv = { key, value: random.bytes(4), modRevision: BigInt(revision), version: 1n };
  const isDeletion = random.chance(0.3);
  const before = isDeletion ? { prevKv: { ...kv, modRevision: 1n } } : {};
  return create(EventSchema, {
    kv,
    type: isDeletion ? EventType.DELETE : EventType.PUT,
    ...before,
  });
}

const content = encodeQcow2Header({ virtualBytes: 1024 ** 3 });
const image = create(ImageSchema, {
  id: '00000000-0000-7000-8000-000000000001',
  spec: {
    source: {
      source: {
        case: 'upload',
        value: {
          sizeBytes: BigInt(content.length),
          sha256: createHash('sha256').update(content).digest('hex'),
        },
      },
    },
  },
});
let library: Promise<Library> | undefined;
const chunkHeadBytes = 3;

/** Chunks of an upload: an offset of two bytes, a length of one, and what is sent. */
const upload: Target = {
  name: 'upload',
  bytesMax: 2_048,
  // Each chunk of a few bytes is several calls of the file system.
  nsPerByte: 1_000_000,
  make(random) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < content.length && chunks.length < 8; ) {
      const end = Math.min(content.length, at + random.between(1, 60));
      const head = Buffer.from([at >> 8, at & 0xff, end - at]);
      chunks.push(Buffer.concat([head, content.subarray(at, end)]));
      at = random.chance(0.8) ? end : random.below(end);
    }
    return Buffer.concat(chunks);
  },
  async run(input) {
    library ??= openLibrary();
    const images = await library;
    await images.remove(image.id);
    const uploads = new Uploads({
      types: contractTypes,
      sinks: new Map([['image', imageUploads(images)]]),
      resourceOf: () => image,
      poke: () => undefined,
    });
    const { id } = image;
    for (let at = 0; at + chunkHeadBytes <= input.length; ) {
      const [high = 0, low = 0, length = 0] = input.subarray(at);
      at += chunkHeadBytes;
      const data = input.subarray(at, at + length);
      at += length;
      const offset = BigInt((high << 8) | low) * (high === 0xff ? 2n ** 40n : 1n);
      const before = await images.received(id);
      try {
        const after = await uploads.writeChunk({ type: 'image', id, offset, data });
        holds(after.complete || after.receivedBytes >= BigInt(before.receivedBytes), 'it shrinks');
      } catch (error) {
        if (!(error instanceof LimiError)) throw error;
      }
    }
    const { complete } = await images.received(id);
    if (!complete) return false;
    const read: Uint8Array[] = [];
    for await (const piece of images.read(id, 0n)) read.push(piece);
    holds(Buffer.concat(read).equals(content), 'an image is complete that is not as promised');
    return true;
  },
  isRefusal: () => false,
};

function openLibrary(): Promise<Library> {
  const directory = mkdtempSync(join(tmpdir(), 'limiquantix-fuzz-'));
  return Library.open({ directory, downloader: new Downloader({ clock: new VirtualClock() }) });
}

/** What of the control plane's protocols is fuzzed. */
export const protocolTargets: readonly Target[] = [
  ...[binary, body, frames, disk, etcdUnary, etcdWatch, upload],
];
