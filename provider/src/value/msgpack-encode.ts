/**
 * Writes Terraform's MessagePack. Numbers that are no integers go as decimal strings: Terraform's
 * numbers are decimal, and `0.1` sent as a double would come back as another number than the
 * configuration's.
 */
import { Decimal, isList, isUnknown, numberText, type Unknown, type Value } from './value.js';

/** Writes a value. */
export function encodeValue(value: Value): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return writer.bytes();
}

const initialBytes = 1024;
const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;

class Writer {
  private buffer = Buffer.allocUnsafe(initialBytes);
  private at = 0;

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }

  value(value: Value): void {
    if (value === null) this.byte(0xc0);
    else if (typeof value === 'boolean') this.byte(value ? 0xc3 : 0xc2);
    else if (typeof value === 'string') this.string(value);
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'bigint') this.bigint(value);
    else if (value instanceof Decimal) this.string(numberText(value));
    else if (isUnknown(value)) this.unknown(value);
    else if (isList(value)) {
      this.head(0x90, 0xdc, value.length);
      for (const item of value) this.value(item);
    } else {
      const entries = Object.entries(value);
      this.head(0x80, 0xde, entries.length);
      for (const [key, item] of entries) {
        this.string(key);
        this.value(item);
      }
    }
  }

  private head(fix: number, wide: number, count: number): void {
    if (count < 16) this.byte(fix | count);
    else if (count < 0x10000) this.sized(wide, count, 2);
    else this.sized(wide + 1, count, 4);
  }

  private string(value: string): void {
    const length = Buffer.byteLength(value);
    if (length < 32) this.byte(0xa0 | length);
    else if (length < 0x100) this.sized(0xd9, length, 1);
    else if (length < 0x10000) this.sized(0xda, length, 2);
    else this.sized(0xdb, length, 4);
    this.reserve(length);
    this.at += this.buffer.write(value, this.at);
  }

  private number(value: number): void {
    if (Math.abs(value) === Number.POSITIVE_INFINITY) this.double(value);
    else if (!Number.isInteger(value)) this.string(numberText(value));
    else if (value >= 0 && value < 0x80) this.byte(value);
    else if (value < 0 && value >= -32) this.byte(value & 0xff);
    else this.bigint(BigInt(value));
  }

  private double(value: number): void {
    this.reserve(9);
    this.buffer[this.at] = 0xcb;
    this.at = this.buffer.writeDoubleBE(value, this.at + 1);
  }

  private bigint(value: bigint): void {
    if (value > uint64Max || value < int64Min) {
      this.string(value.toString());
      return;
    }
    this.reserve(9);
    this.buffer[this.at] = value > int64Max ? 0xcf : 0xd3;
    if (value > int64Max) this.buffer.writeBigUInt64BE(value, this.at + 1);
    else this.buffer.writeBigInt64BE(value, this.at + 1);
    this.at += 9;
  }

  /**
   * An unknown value without refinements is extension 0, which the oldest Terraform knows as well.
   */
  private unknown(value: Unknown): void {
    const payload = value.refinements;
    if (payload === undefined) {
      this.reserve(3);
      this.at = this.buffer.writeUIntBE(0xd40000, this.at, 3);
      return;
    }
    if (payload.length < 0x10000) this.sized(0xc8, payload.length, 2);
    else this.sized(0xc9, payload.length, 4);
    this.byte(12);
    this.reserve(payload.length);
    this.buffer.set(payload, this.at);
    this.at += payload.length;
  }

  private sized(tag: number, size: number, bytes: number): void {
    this.reserve(1 + bytes);
    this.buffer[this.at] = tag;
    this.at = this.buffer.writeUIntBE(size, this.at + 1, bytes);
  }

  private byte(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  private reserve(count: number): void {
    if (this.at + count <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + count));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
