/**
 * How long a message of a request may be, and how many parts it may have, where Connect reads it.
 * Its length is seen from the prefix or header that says so, before any of the message is kept; its
 * parts are counted before Connect's own reader makes objects of them. What is refused is refused
 * with an error that says what to do.
 */
import type { DescMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Compression, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { TooManyParts } from '@limiquantix/proto/binary/bounds.js';
import { fromBinary } from '@limiquantix/proto/binary/codec.js';
import { LimiError } from '../resource/error.js';
import { fromLimiError } from './errors.js';

/** What of a request may be read. */
export interface MessageBounds {
  /** What its messages are. */
  readonly input: DescMessage;
  /** How long each may be. */
  readonly bytesMax: number;
  /** How they may be compressed. */
  readonly compressions: readonly Compression[];
  /** Why none is read at all; undefined where they are. */
  readonly refusal: ConnectError | undefined;
}

/**
 * How many parts a message may have: messages in it, elements of lists, entries of maps. Each has
 * up to a KiB in memory, and two bytes in the request.
 */
export const partsMax = 65_536;

/** In the protocols with streams, each message has a byte of flags and its length before it. */
const prefixBytes = 5;
const compressedFlag = 1;
const enveloped = /^application\/(grpc|connect\+)/;
const mebibyte = 1024 * 1024;
/** How much of a message that is too long is read and thrown away. */
const discardBytesMax = 256 * mebibyte;

/** The same request, whose body throws where a message is beyond the bounds. */
export function boundMessages(
  request: UniversalServerRequest,
  bounds: MessageBounds,
): UniversalServerRequest {
  const { body, header } = request;
  if (!isBytes(body)) return request;
  const { refusal } = bounds;
  const contentType = header.get('content-type') ?? '';
  const isJson = contentType.includes('json');
  if (refusal !== undefined) return { ...request, body: refused(body, refusal) };
  if (enveloped.test(contentType)) {
    const name = header.get('grpc-encoding') ?? header.get('connect-content-encoding');
    const compression = bounds.compressions.find((one) => one.name === name);
    const announced = { ...bounds, isJson, compression };
    return { ...request, body: boundEnvelopes(body, announced) };
  }
  const compression = bounds.compressions.find(
    (one) => one.name === header.get('content-encoding'),
  );
  const length = Number(header.get('content-length'));
  const whole = boundWhole(body, length, { ...bounds, isJson, compression });
  if (compression === undefined) return { ...request, body: whole };
  // It is not compressed any more when Connect reads it.
  const plain = new Headers(header);
  for (const name of ['content-encoding', 'content-length']) plain.delete(name);
  return { ...request, header: plain, body: whole };
}

interface Reading extends MessageBounds {
  readonly isJson: boolean;
  readonly compression: Compression | undefined;
}

const isBytes = (body: UniversalServerRequest['body']): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

/** Passes messages on one by one, each when it is whole. */
async function* boundEnvelopes(
  chunks: AsyncIterable<Uint8Array>,
  reading: Reading,
): AsyncIterable<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const { bytesMax } = reading;
  let pieces: Uint8Array[] = [];
  let length = 0;
  let needed = prefixBytes;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    pieces.push(next.value);
    length += next.value.length;
    while (length >= needed) {
      const bytes = joined(pieces);
      const size = sizeIn(bytes);
      if (size > bytesMax) return refuse(iterator, tooBig(size, bytesMax));
      needed = prefixBytes + size;
      pieces = [bytes];
      if (length < needed) break;
      yield* envelope(bytes.subarray(0, needed), reading);
      pieces = length === needed ? [] : [bytes.subarray(needed)];
      length -= needed;
      needed = prefixBytes;
    }
  }
  // What isn't whole is Connect's to complain of.
  yield* pieces;
}

async function* envelope(bytes: Uint8Array, reading: Reading): AsyncIterable<Uint8Array> {
  const flags = bytes[0] ?? 0;
  const { bytesMax, compression } = reading;
  const isCompressed = (flags & compressedFlag) !== 0;
  // Other flags are of the end of a stream, which is no message.
  if (flags > compressedFlag || (isCompressed && compression === undefined)) {
    yield bytes;
    return;
  }
  const content = bytes.subarray(prefixBytes);
  if (!isCompressed) {
    checkParts(content, reading);
    yield bytes;
    return;
  }
  const plain = await compression?.decompress(content, bytesMax);
  if (plain === undefined) return;
  checkParts(plain, reading);
  const prefix = new Uint8Array(prefixBytes);
  new DataView(prefix.buffer).setUint32(1, plain.length);
  yield prefix;
  yield plain;
}

const sizeIn = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, prefixBytes).getUint32(1);

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first, ...more] = pieces;
  return first !== undefined && more.length === 0 ? first : Buffer.concat(pieces);
}

async function* boundWhole(
  chunks: AsyncIterable<Uint8Array>,
  announced: number,
  reading: Reading,
): AsyncIterable<Uint8Array> {
  const { bytesMax, compression } = reading;
  const iterator = chunks[Symbol.asyncIterator]();
  if (announced > bytesMax) return refuse(iterator, tooBig(announced, bytesMax));
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    length += next.value.length;
    if (length > bytesMax) return refuse(iterator, tooBig(length, bytesMax));
    pieces.push(next.value);
  }
  const bytes = joined(pieces);
  const plain = compression === undefined ? bytes : await compression.decompress(bytes, bytesMax);
  checkParts(plain, reading);
  yield plain;
}

/** Throws where a message has so many parts that reading it would take too much memory. */
function checkParts(bytes: Uint8Array, { input, isJson }: Reading): void {
  // No part has less than a byte.
  if (bytes.length <= partsMax) return;
  if (isJson) {
    if (mayHaveMoreParts(bytes)) throw tooManyParts();
    return;
  }
  try {
    // What Connect might read in another way than we do must not be there.
    fromBinary(input, bytes, { partsMax, isStrict: true });
  } catch (cause) {
    if (cause instanceof TooManyParts) throw tooManyParts();
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectError(`parse binary: ${message}`, Code.InvalidArgument);
  }
}

const opening: ReadonlySet<number> = new Set([...'{[,'].map((one) => one.charCodeAt(0)));

/**
 * Whether a JSON text may have more values than a message may have parts. Texts in it count for
 * what they would be outside: the paths of a field mask are one text with commas.
 */
function mayHaveMoreParts(text: Uint8Array): boolean {
  let count = 0;
  for (const byte of text) if (opening.has(byte)) count += 1;
  return count > partsMax;
}

// biome-ignore lint/correctness/useYield: it takes the place of a body, and has nothing of it
async function* refused(
  chunks: AsyncIterable<Uint8Array>,
  refusal: ConnectError,
): AsyncIterable<Uint8Array> {
  return refuse(chunks[Symbol.asyncIterator](), refusal);
}

/**
 * Reads on, without keeping anything, so that the client gets to the answer: many read none before
 * they have sent all. Then throws.
 */
async function refuse(rest: AsyncIterator<Uint8Array>, refusal: ConnectError): Promise<never> {
  let discarded = 0;
  while (discarded <= discardBytesMax) {
    const { done, value } = await rest.next();
    if (done === true) break;
    discarded += value.length;
  }
  throw refusal;
}

/** The error for a message that is too long. */
export function tooBig(bytes: number, bytesMax: number): ConnectError {
  const most = bytesMax < mebibyte ? `${bytesMax / 1024} KiB` : `${bytesMax / mebibyte} MiB`;
  return fromLimiError(
    new LimiError({
      code: Code.ResourceExhausted,
      reason: 'MESSAGE_TOO_BIG',
      message: `a message of the request has ${bytes} bytes, and this server takes ${most} at most; make its documents smaller, and upload files in chunks of 4 MiB`,
      metadata: { bytes_max: String(bytesMax) },
    }),
  );
}

/** The error for a message that has too many parts. */
export const tooManyParts = (): ConnectError =>
  fromLimiError(
    new LimiError({
      code: Code.ResourceExhausted,
      reason: 'MESSAGE_TOO_COMPLEX',
      message: `a message of the request has more than ${partsMax} messages, elements of lists and entries of maps, which is the most that this server takes; spread it over several resources or requests`,
      metadata: { parts_max: String(partsMax) },
    }),
  );
