/**
 * Splits a byte stream of JSON values that follow each other without any framing (RFC 7047 §4)
 * into values. Bounded: a message larger or deeper than the limits is an error, not memory.
 */
import { malformed } from './errors.js';

/** The largest message accepted: a first monitor reply of some 100,000 rows fits. */
export const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;

/** The deepest nesting accepted; the protocol's own messages (RFC 7047 §4.1) need about ten. */
const DEPTH_MAX = 128;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE_MAX = 0x20;

/** Collects bytes and hands out each complete top-level object or array, parsed. */
export class JsonStream {
  private readonly pieces: Uint8Array[] = [];
  private pendingBytes = 0;
  private depth = 0;
  private inString = false;
  private escaped = false;

  constructor(private readonly bytesMax = MESSAGE_BYTES_MAX) {}

  /** Takes the next bytes; returns the values they complete. Throws an OvsdbError on garbage. */
  push(chunk: Uint8Array): unknown[] {
    const values: unknown[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      if (!this.step(chunk[at] ?? 0)) {
        if (this.depth === 0) start = at + 1;
        continue;
      }
      values.push(this.take(chunk.subarray(start, at + 1)));
      start = at + 1;
    }
    this.keep(chunk.subarray(start));
    return values;
  }

  /** Advances by one byte; true when that byte ends a top-level value. */
  private step(byte: number): boolean {
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
      return false;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.depth += 1;
      if (this.depth > DEPTH_MAX) throw malformed(`nested more than ${DEPTH_MAX} deep`);
      return false;
    }
    if (this.depth === 0) {
      if (byte > SPACE_MAX) throw malformed('neither an object nor an array');
      return false;
    }
    if (byte === QUOTE) this.inString = true;
    if (byte !== CLOSE_BRACE && byte !== CLOSE_BRACKET) return false;
    this.depth -= 1;
    return this.depth === 0;
  }

  private keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.pendingBytes += piece.length;
    if (this.pendingBytes > this.bytesMax) throw malformed(`more than ${this.bytesMax} bytes`);
    this.pieces.push(piece);
  }

  private take(last: Uint8Array): unknown {
    this.keep(last);
    const bytes = this.pieces.length === 1 ? last : Buffer.concat(this.pieces);
    this.pieces.length = 0;
    this.pendingBytes = 0;
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch (cause) {
      throw malformed('not JSON', cause);
    }
  }
}
