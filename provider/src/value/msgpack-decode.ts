/**
 * Reads Terraform's MessagePack (docs: object wire format of the plugin protocol). The type says
 * how to read: a number may come as an integer, a double or a decimal string.
 */
import type { TerraformType } from './type.js';
import { Decimal, record, UNKNOWN, Unknown, type Value } from './value.js';

/**
 * Reads one value of the type. Throws `RangeError` or `TypeError` for bytes that hold no such
 * value.
 */
export function decodeValue(bytes: Uint8Array, type: TerraformType): Value {
  const reader = new Reader(bytes);
  const value = reader.value(type);
  if (!reader.atEnd) throw new RangeError('msgpack: bytes are left after the value');
  return value;
}

const depthMax = 64;
const extensionOfRefinements = 12;

class Reader {
  private at = 0;
  private depth = 0;
  private readonly view: DataView;
  private readonly bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.at === this.bytes.length;
  }

  value(type: TerraformType): Value {
    const byte = this.view.getUint8(this.at);
    if (byte === 0xc0) {
      this.at += 1;
      return null;
    }
    if ((byte >= 0xd4 && byte <= 0xd8) || (byte >= 0xc7 && byte <= 0xc9)) return this.extension();
    if (type === 'string') return this.string();
    if (type === 'number') return this.number();
    if (type === 'bool') return this.bool();
    if (++this.depth > depthMax) throw new RangeError('msgpack: nested too deep');
    const value = this.collection(type);
    this.depth -= 1;
    return value;
  }

  private collection(type: Exclude<TerraformType, string>): Value {
    if (type.kind === 'list' || type.kind === 'set') {
      const items: Value[] = [];
      const count = this.head(0x90, 0xdc, 'array');
      for (let i = 0; i < count; i++) items.push(this.value(type.element));
      return items;
    }
    const result = record();
    const count = this.head(0x80, 0xde, 'map');
    for (let i = 0; i < count; i++) {
      const key = this.string();
      const element = type.kind === 'object' ? attributeOf(type.attributes, key) : type.element;
      if (element === undefined) throw new TypeError(`msgpack: unexpected attribute ${key}`);
      result[key] = this.value(element);
    }
    return result;
  }

  /** The count of an array or a map: in the byte's low half, or in the 2 or 4 bytes after it. */
  private head(fix: number, wide: number, what: string): number {
    const byte = this.view.getUint8(this.at++);
    if ((byte & 0xf0) === fix) return byte & 0x0f;
    if (byte === wide) return this.uint(2);
    if (byte === wide + 1) return this.uint(4);
    throw new TypeError(`msgpack: no ${what} where one belongs (0x${byte.toString(16)})`);
  }

  private bool(): boolean {
    const byte = this.view.getUint8(this.at++);
    if (byte === 0xc2) return false;
    if (byte === 0xc3) return true;
    throw new TypeError(`msgpack: no bool where one belongs (0x${byte.toString(16)})`);
  }

  private string(): string {
    const byte = this.view.getUint8(this.at++);
    const length =
      (byte & 0xe0) === 0xa0
        ? byte & 0x1f
        : byte === 0xd9
          ? this.uint(1)
          : byte === 0xda
            ? this.uint(2)
            : byte === 0xdb
              ? this.uint(4)
              : -1;
    if (length < 0) throw new TypeError(`msgpack: no string (0x${byte.toString(16)})`);
    const start = this.at;
    this.skip(length);
    // Faster than a TextDecoder for the short strings that these are.
    return this.bytes.toString('utf8', start, this.at);
  }

  private number(): number | bigint | Decimal {
    const byte = this.view.getUint8(this.at);
    if (byte < 0x80 || byte >= 0xe0) {
      return this.view.getInt8(this.at++);
    }
    if ((byte & 0xe0) === 0xa0 || (byte >= 0xd9 && byte <= 0xdb)) return parseNumber(this.string());
    this.at += 1;
    const start = this.at;
    switch (byte) {
      case 0xca:
        this.skip(4);
        return double(this.view.getFloat32(start));
      case 0xcb:
        this.skip(8);
        return double(this.view.getFloat64(start));
      case 0xcc:
        return this.uint(1);
      case 0xcd:
        return this.uint(2);
      case 0xce:
        return this.uint(4);
      case 0xcf:
        this.skip(8);
        return narrow(this.view.getBigUint64(start));
      case 0xd0:
        this.skip(1);
        return this.view.getInt8(start);
      case 0xd1:
        this.skip(2);
        return this.view.getInt16(start);
      case 0xd2:
        this.skip(4);
        return this.view.getInt32(start);
      case 0xd3:
        this.skip(8);
        return narrow(this.view.getBigInt64(start));
      default:
        throw new TypeError(`msgpack: no number where one belongs (0x${byte.toString(16)})`);
    }
  }

  /** An unknown value: any extension is one, and that with code 12 carries refinements. */
  private extension(): Unknown {
    const byte = this.view.getUint8(this.at++);
    const length = byte >= 0xd4 ? 1 << (byte - 0xd4) : this.uint(1 << (byte - 0xc7));
    const code = this.view.getInt8(this.at++);
    const payload = this.take(length);
    return code === extensionOfRefinements ? new Unknown(Uint8Array.from(payload)) : UNKNOWN;
  }

  private uint(size: 1 | 2 | 4 | number): number {
    const start = this.at;
    this.skip(size);
    if (size === 1) return this.view.getUint8(start);
    return size === 2 ? this.view.getUint16(start) : this.view.getUint32(start);
  }

  private take(length: number): Uint8Array {
    const start = this.at;
    this.skip(length);
    return this.bytes.subarray(start, this.at);
  }

  private skip(length: number): void {
    this.at += length;
    if (this.at > this.bytes.length) throw new RangeError('msgpack: the value is cut off');
  }
}

/** Only what the type has itself: `constructor` is no attribute of every object. */
function attributeOf(
  attributes: Readonly<Record<string, TerraformType>>,
  name: string,
): TerraformType | undefined {
  return Object.hasOwn(attributes, name) ? attributes[name] : undefined;
}

/**
 * A decimal number in the narrowest form that holds it exactly enough to be written back the same.
 * Throws TypeError for text that is no number.
 */
export function parseNumber(decimal: string): number | bigint | Decimal {
  if (/^-?\d+$/.test(decimal)) return narrow(BigInt(decimal));
  if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(decimal)) {
    throw new TypeError(`msgpack: ${JSON.stringify(decimal.slice(0, shownMax))} is no number`);
  }
  const double = Number(decimal);
  return String(double) === decimal ? double : new Decimal(decimal);
}

const shownMax = 40;

/** Terraform has infinities, and no value for what is no number. */
function double(value: number): number | bigint {
  if (Number.isNaN(value)) throw new TypeError('msgpack: a number that is none');
  return Number.isInteger(value) ? narrow(BigInt(value)) : value;
}

function narrow(integer: bigint): number | bigint {
  const double = Number(integer);
  return Number.isSafeInteger(double) ? double : integer;
}
