/**
 * gRPC's bytes on the server's side: the one message of a request's body, and the headers that say
 * how a call ended. Pure; what a stream is, is known in `call.ts`.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { prefixBytes } from '@limiquantix/proto/grpc/wire.js';
import { tooBig } from '../message-bound.js';

const compressedFlag = 1;
/** How much of a body that is refused is read and thrown away, so that its client gets to why. */
const discardBytesMax = 256 * 1024 * 1024;

/** The body of a request that has one message. */
export class RequestBody {
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #refusal: ConnectError | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes what came; false where nothing more is to be read. */
  push(piece: Uint8Array): boolean {
    this.#length += piece.length;
    if (this.#refusal !== undefined) return this.#length <= discardBytesMax;
    this.#pieces.push(piece);
    if (this.#length < prefixBytes) return true;
    this.#refusal = this.#judge();
    if (this.#refusal !== undefined) this.#pieces = [];
    return true;
  }

  /** Keeps nothing of it any more; the error is what reading it comes to. */
  refuse(refusal: ConnectError): void {
    this.#refusal = refusal;
    this.#pieces = [];
  }

  /** The message, once everything came. Throws where there isn't exactly one, or it is too long. */
  message(): Uint8Array {
    if (this.#refusal !== undefined) throw this.#refusal;
    const bytes = this.#bytes();
    if (bytes.length === 0) throw malformed('missing input message', Code.Unimplemented);
    if (bytes.length < prefixBytes || bytes.length < prefixBytes + lengthIn(bytes)) {
      throw malformed('incomplete envelope', Code.InvalidArgument);
    }
    return bytes.subarray(prefixBytes);
  }

  /** What is wrong with it so far. */
  #judge(): ConnectError | undefined {
    // Only the first piece is ever looked at again: others can't change what the prefix says.
    const [first] = this.#pieces;
    const head = first !== undefined && first.length >= prefixBytes ? first : this.#bytes();
    const length = lengthIn(head);
    if (length > this.#bytesMax) return tooBig(length, this.#bytesMax);
    if (((head[0] ?? 0) & compressedFlag) !== 0) {
      return malformed('a message is compressed, and no header says how', Code.Internal);
    }
    if (this.#length > prefixBytes + length) {
      return malformed('received extra input message', Code.Unimplemented);
    }
    return undefined;
  }

  #bytes(): Uint8Array {
    const [first, ...more] = this.#pieces;
    if (first !== undefined && more.length === 0) return first;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

const lengthIn = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, prefixBytes).getUint32(1);

const malformed = (what: string, code: Code): ConnectError =>
  new ConnectError(`protocol error: ${what}`, code);

/** The headers that tell how a call ended; those of success without an error. */
export function statusHeaders(error?: ConnectError): Record<string, string> {
  if (error === undefined) return statusOk;
  return Object.fromEntries(setTrailerStatus(new Headers(), wellFormed(error)));
}

/** Half a character, as of a text that was cut, can't be written into a header. */
function wellFormed(error: ConnectError): ConnectError {
  const { rawMessage, code, metadata, details, cause } = error;
  if (rawMessage.isWellFormed()) return error;
  const outgoing = details as ConstructorParameters<typeof ConnectError>[3];
  return new ConnectError(rawMessage.toWellFormed(), code, metadata, outgoing, cause);
}

const statusOk = { 'grpc-status': '0' };
