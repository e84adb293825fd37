/**
 * What all of our gRPC on plain HTTP/2 streams shares: messages with their prefix, and the text of
 * a status. Source: gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */

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

/**
 * The whole messages at the front of some bytes, which share their memory, and what is left. Throws
 * RangeError for a compressed one.
 */
export function unframe(bytes: Buffer): { messages: Uint8Array[]; rest: Buffer } {
  const messages: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= prefixBytes) {
    if (bytes[at] !== 0) throw new RangeError('a message is compressed that should not be');
    const end = at + prefixBytes + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    messages.push(bytes.subarray(at + prefixBytes, end));
    at = end;
  }
  return { messages, rest: bytes.subarray(at) };
}

/** The text of `grpc-message`, in which bytes are written as `%` and two digits. */
export function decodeStatusText(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // gRPC asks to show what can't be decoded as it came.
    return encoded;
  }
}
