/**
 * How long a message of a request may be. It is seen from the prefix or header that says so, before
 * any of the message is kept, and refused with an error that says what to do.
 */
import { Code, type ConnectError } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { LimiError } from '../resource/error.js';
import { fromLimiError } from './errors.js';

/** In the protocols with streams, each message has a byte of flags and its length before it. */
const prefixBytes = 5;
const enveloped = /^application\/(grpc|connect\+)/;
const mebibyte = 1024 * 1024;
/** How much of a message that is too long is read and thrown away. */
const discardBytesMax = 256 * mebibyte;

/** The same request, whose body throws where a message is longer than `bytesMax`. */
export function boundMessages(
  request: UniversalServerRequest,
  bytesMax: number,
): UniversalServerRequest {
  const { body, header } = request;
  if (!isBytes(body)) return request;
  const isEnveloped = enveloped.test(header.get('content-type') ?? '');
  if (isEnveloped) return { ...request, body: boundEnvelopes(body, bytesMax) };
  return { ...request, body: boundWhole(body, Number(header.get('content-length')), bytesMax) };
}

const isBytes = (body: UniversalServerRequest['body']): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

async function* boundEnvelopes(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncIterable<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const prefix = new Uint8Array(prefixBytes);
  let prefixLength = 0;
  let left = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    const chunk = next.value;
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const taken = Math.min(left, chunk.length - at);
        left -= taken;
        at += taken;
        continue;
      }
      const part = chunk.subarray(at, at + prefixBytes - prefixLength);
      prefix.set(part, prefixLength);
      prefixLength += part.length;
      at += part.length;
      if (prefixLength < prefixBytes) continue;
      left = new DataView(prefix.buffer).getUint32(1);
      prefixLength = 0;
      if (left > bytesMax) return refuse(iterator, left, bytesMax);
    }
    yield chunk;
  }
}

async function* boundWhole(
  chunks: AsyncIterable<Uint8Array>,
  announced: number,
  bytesMax: number,
): AsyncIterable<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  if (announced > bytesMax) return refuse(iterator, announced, bytesMax);
  let length = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    length += next.value.length;
    if (length > bytesMax) return refuse(iterator, length, bytesMax);
    yield next.value;
  }
}

/**
 * Reads on, without keeping anything, so that the client gets to the answer: many read none before
 * they have sent all. Then throws.
 */
async function refuse(
  rest: AsyncIterator<Uint8Array>,
  bytes: number,
  bytesMax: number,
): Promise<never> {
  let discarded = 0;
  while (discarded <= discardBytesMax) {
    const { done, value } = await rest.next();
    if (done === true) break;
    discarded += value.length;
  }
  throw tooBig(bytes, bytesMax);
}

/** The error for a message that is too long. */
export const tooBig = (bytes: number, bytesMax: number): ConnectError =>
  fromLimiError(
    new LimiError({
      code: Code.ResourceExhausted,
      reason: 'MESSAGE_TOO_BIG',
      message: `a message of the request has ${bytes} bytes, and this server takes ${bytesMax / mebibyte} MiB at most; make its documents smaller, and upload files in chunks of 4 MiB`,
      metadata: { bytes_max: String(bytesMax) },
    }),
  );
