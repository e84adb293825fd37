/**
 * XDR (RFC 4506) as composable codecs: each type knows how to encode and decode itself.
 * Pure. Every read is checked against the end of the message and every variable length
 * against its declared maximum, so a malformed message is an error and never an allocation.
 */

/** A message that is not valid XDR for the expected type, or a value that does not fit it. */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

/** Read position in one message. */
export interface XdrReader {
  readonly bytes: Buffer;
  offset: number;
}

/** Encoded pieces in order, to be concatenated. */
export interface XdrWriter {
  readonly pieces: Buffer[];
}

/** One XDR type: both directions of its codec. */
export interface XdrType<T> {
  encode(writer: XdrWriter, value: T): void;
  decode(reader: XdrReader): T;
}

/** The TypeScript value that an `XdrType` carries. */
export type XdrValue<X> = X extends XdrType<infer T> ? T : never;

/** Encodes one value to its bytes. Throws `XdrError` when the value does not fit. */
export function encodeXdr<T>(type: XdrType<T>, value: T): Buffer {
  const writer: XdrWriter = { pieces: [] };
  type.encode(writer, value);
  return Buffer.concat(writer.pieces);
}

/** Decodes one value that must fill `bytes` exactly. Throws `XdrError`. */
export function decodeXdr<T>(type: XdrType<T>, bytes: Buffer): T {
  const reader: XdrReader = { bytes, offset: 0 };
  const value = type.decode(reader);
  if (reader.offset !== bytes.length) {
    throw new XdrError(`${bytes.length - reader.offset} bytes left over after the value`);
  }
  return value;
}

/** No bytes at all (a procedure without arguments or without a result). */
export const xdrVoid: XdrType<void> = {
  encode: () => undefined,
  decode: () => undefined,
};

/** 32-bit signed integer. */
export const xdrInt: XdrType<number> = {
  encode(writer, value) {
    const piece = Buffer.alloc(4);
    checkRange({ value, min: -0x8000_0000, max: 0x7fff_ffff });
    piece.writeInt32BE(value);
    writer.pieces.push(piece);
  },
  decode: (reader) => take(reader, 4).readInt32BE(),
};

/** 32-bit unsigned integer. */
export const xdrUint: XdrType<number> = {
  encode(writer, value) {
    const piece = Buffer.alloc(4);
    checkRange({ value, min: 0, max: 0xffff_ffff });
    piece.writeUInt32BE(value);
    writer.pieces.push(piece);
  },
  decode: (reader) => take(reader, 4).readUInt32BE(),
};

/** 64-bit unsigned integer, as a bigint. */
export const xdrUhyper: XdrType<bigint> = {
  encode(writer, value) {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new XdrError(`${value} does not fit an unsigned hyper`);
    }
    const piece = Buffer.alloc(8);
    piece.writeBigUInt64BE(value);
    writer.pieces.push(piece);
  },
  decode: (reader) => take(reader, 8).readBigUInt64BE(),
};

/** Fixed-length opaque data, padded to four bytes. */
export function xdrOpaque(lengthBytes: number): XdrType<Buffer> {
  return {
    encode(writer, value) {
      if (value.length !== lengthBytes) {
        throw new XdrError(`opaque of ${value.length} bytes where ${lengthBytes} are needed`);
      }
      writer.pieces.push(value, padding(value.length));
    },
    decode(reader) {
      const value = take(reader, lengthBytes);
      take(reader, paddingBytes(lengthBytes));
      return value;
    },
  };
}

/** UTF-8 string of at most `maxBytes` bytes. */
export function xdrString(maxBytes: number): XdrType<string> {
  return {
    encode(writer, value) {
      const bytes = Buffer.from(value, 'utf8');
      checkLength(bytes.length, maxBytes);
      xdrUint.encode(writer, bytes.length);
      writer.pieces.push(bytes, padding(bytes.length));
    },
    decode(reader) {
      const length = checkLength(xdrUint.decode(reader), maxBytes);
      const value = take(reader, length).toString('utf8');
      take(reader, paddingBytes(length));
      return value;
    },
  };
}

/** Variable-length array of at most `countMax` items. */
export function xdrArray<T>(item: XdrType<T>, countMax: number): XdrType<T[]> {
  return {
    encode(writer, values) {
      xdrUint.encode(writer, checkLength(values.length, countMax));
      for (const value of values) item.encode(writer, value);
    },
    decode(reader) {
      const count = checkLength(xdrUint.decode(reader), countMax);
      const values: T[] = [];
      for (let i = 0; i < count; i += 1) values.push(item.decode(reader));
      return values;
    },
  };
}

/** XDR optional-data (`T *`): null or a value. */
export function xdrOptional<T>(type: XdrType<T>): XdrType<T | null> {
  return {
    encode(writer, value) {
      xdrUint.encode(writer, value === null ? 0 : 1);
      if (value !== null) type.encode(writer, value);
    },
    decode(reader) {
      const present = xdrUint.decode(reader);
      if (present > 1) throw new XdrError(`${present} is no boolean`);
      return present === 1 ? type.decode(reader) : null;
    },
  };
}

/** Struct: its fields in the order written. */
export function xdrStruct<V extends object>(
  fields: {
    readonly [K in keyof V]: XdrType<V[K]>;
  },
): XdrType<V> {
  const entries = Object.entries(fields) as [keyof V, XdrType<V[keyof V]>][];
  return {
    encode(writer, value) {
      for (const [name, type] of entries) type.encode(writer, value[name]);
    },
    decode(reader) {
      const record: Partial<V> = {};
      for (const [name, type] of entries) record[name] = type.decode(reader);
      return record as V;
    },
  };
}

function take(reader: XdrReader, lengthBytes: number): Buffer {
  const end = reader.offset + lengthBytes;
  if (end > reader.bytes.length) {
    throw new XdrError(`message ends at ${reader.bytes.length} where ${end} bytes are needed`);
  }
  const piece = reader.bytes.subarray(reader.offset, end);
  reader.offset = end;
  return piece;
}

function checkLength(length: number, max: number): number {
  if (length > max) throw new XdrError(`length ${length} exceeds the maximum of ${max}`);
  return length;
}

function checkRange(range: { value: number; min: number; max: number }): void {
  const { value, min, max } = range;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new XdrError(`${value} is no integer from ${min} to ${max}`);
  }
}

function paddingBytes(lengthBytes: number): number {
  return (4 - (lengthBytes % 4)) % 4;
}

function padding(lengthBytes: number): Buffer {
  return Buffer.alloc(paddingBytes(lengthBytes));
}
