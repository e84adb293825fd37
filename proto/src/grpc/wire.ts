/**
 * What all of our gRPC on plain HTTP/2 streams shares: messages with their prefix, and the text of
 * a status. Source: gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */

/** As much as one message may have: no server of ours sends more, and Terraform takes no more. */
export const messageBytesMax = 256 * 1024 * 1024;

/** Before each message: a byte of flags and four of its length. */
export const prefixBytes = 5;

/** A message as a stream carries it, not compressed. */
export function frameOf(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** Takes messages off a stream of bytes that comes in pieces, each piece being copied once. */
export class FrameReader {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #length = 0;
  /** So many bytes must be there before there is anything to do. */
  #needed = prefixBytes;
  #failure: RangeError | undefined;

  constructor(bytesMax = messageBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Takes the next bytes; returns the messages that they complete, which share their memory. Throws
   * RangeError for one that is compressed or too long; nothing can be read after it, and what comes
   * is thrown away.
   */
  push(piece: Buffer): Uint8Array[] {
    if (this.#failure !== undefined) throw this.#failure;
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#needed) return [];
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#length);
    const messages: Uint8Array[] = [];
    let at = 0;
    this.#needed = prefixBytes;
    while (bytes.length - at >= prefixBytes) {
      if (bytes[at] !== 0) throw this.#fail('a message is compressed that should not be');
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#bytesMax) {
        throw this.#fail(`a message has ${length} bytes, and ${this.#bytesMax} are the most`);
      }
      this.#needed = prefixBytes + length;
      if (bytes.length - at < this.#needed) break;
      messages.push(bytes.subarray(at + prefixBytes, at + this.#needed));
      at += this.#needed;
      this.#needed = prefixBytes;
    }
    const rest = bytes.subarray(at);
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return messages;
  }

  /** Whether a message has begun and not ended. */
  get isWithin(): boolean {
    return this.#length > 0;
  }

  #fail(message: string): RangeError {
    this.#failure = new RangeError(message);
    this.#pieces = [];
    return this.#failure;
  }
}

/** A status' text as a header carries it; half a character in it is replaced. */
export const encodeStatusText = (text: string): string => encodeURIComponent(text.toWellFormed());

/** The text of `grpc-message`, in which bytes are written as `%` and two digits. */
export function decodeStatusText(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // gRPC asks to show what can't be decoded as it came.
    return encoded;
  }
}
