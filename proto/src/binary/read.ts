/**
 * Reads messages by their plans. What comes out is what the library's `fromBinary` gives, several
 * times faster; a field of another wire type is kept as unknown, as the format says.
 * Source: protobuf.dev/programming-guides/encoding.
 */
import { ScalarType, type UnknownField } from '@bufbuild/protobuf';
import { partsUnbounded, type ReadBounds, TooManyParts } from './bounds.js';
import { type Element, type FieldPlan, type MessagePlan, wire } from './plan.js';

/** A message under construction. */
export type Draft = Record<string, unknown>;

const depthMax = 100;
const shortText = 16;
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A message with nothing in it. */
export function blank(plan: MessagePlan): Draft {
  const draft: Draft = plan.prototype === undefined ? {} : Object.create(plan.prototype);
  draft['$typeName'] = plan.typeName;
  for (const { name, value } of plan.beginnings) {
    if (typeof value === 'object') draft[name] = value.constant;
    else if (value === 'list') draft[name] = [];
    else if (value === 'map') draft[name] = {};
    else if (value === 'oneof') draft[name] = { case: undefined };
    else draft[name] = new Uint8Array(0);
  }
  return draft;
}

/** Reads bytes from front to back. */
export class Reader {
  private at = 0;
  private depth = 0;
  private readonly view: DataView;
  private readonly buffer: Buffer;
  private partsLeft: number;
  private readonly isStrict: boolean;

  constructor(
    private readonly bytes: Uint8Array,
    bounds?: ReadBounds,
  ) {
    this.partsLeft = bounds?.partsMax ?? partsUnbounded;
    this.isStrict = bounds?.isStrict ?? false;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the rest into a message. Throws RangeError for bytes that are no message. */
  rest(plan: MessagePlan, into: Draft): Draft {
    return this.message(plan, into, this.bytes.length);
  }

  /** Reads a message with its length before it. */
  delimited(plan: MessagePlan, into: Draft): Draft {
    return this.message(plan, into, this.end());
  }

  private message(plan: MessagePlan, into: Draft, end: number): Draft {
    this.part();
    if (++this.depth > depthMax) throw new RangeError(`${plan.typeName} is nested too deep`);
    while (this.at < end) {
      const tag = this.tag();
      const number = tag >>> 3;
      const field = plan.byNumber[number] ?? plan.byLargeNumber.get(number);
      if (field === undefined) this.unknown(tag, into);
      else if (!this.field(field, tag & 7, into)) this.otherWireType(tag, into);
    }
    if (this.at !== end) throw new RangeError(`${plan.typeName} is cut off`);
    this.depth -= 1;
    return into;
  }

  /** Reads a field; false, having read nothing, where the wire type is not the field's. */
  private field(field: FieldPlan, wireType: number, into: Draft): boolean {
    const { element, form } = field;
    if (form === 'map') {
      if (wireType !== wire.delimited) return false;
      this.entry(field, into[field.name] as Draft);
      return true;
    }
    const isPacked = form === 'list' && wireType === wire.delimited;
    if (element.kind === 'message') {
      if (wireType !== wire.delimited) return false;
      this.messageField(field, element.plan, into);
      return true;
    }
    const own = wireTypeOf(element.scalar);
    if (form === 'list') {
      const list = into[field.name] as unknown[];
      if (wireType === own) {
        this.part();
        list.push(this.scalar(element));
      } else if (isPacked) this.packed(element, list);
      else return false;
      return true;
    }
    if (wireType !== own) return false;
    const start = this.at;
    const value = this.scalar(element);
    if (field.closed?.has(value as number) === false) {
      addUnknown(into, {
        no: field.number,
        wireType,
        data: this.bytes.slice(start, this.at),
      });
    } else if (field.oneof === undefined) into[field.name] = value;
    else into[field.oneof] = { case: field.name, value };
    return true;
  }

  private messageField(field: FieldPlan, plan: MessagePlan, into: Draft): void {
    const end = this.end();
    if (field.form === 'list') {
      (into[field.name] as unknown[]).push(this.message(plan, blank(plan), end));
    } else if (field.oneof === undefined) {
      // A message that comes twice is merged.
      const before = into[field.name] as Draft | undefined;
      into[field.name] = this.message(plan, before ?? blank(plan), end);
    } else {
      const group = into[field.oneof] as { case?: string; value?: Draft };
      const before = group.case === field.name ? group.value : undefined;
      into[field.oneof] = {
        case: field.name,
        value: this.message(plan, before ?? blank(plan), end),
      };
    }
  }

  private packed(element: Element & { kind: 'scalar' }, list: unknown[]): void {
    const end = this.end();
    while (this.at < end) {
      this.part();
      list.push(this.scalar(element));
    }
    if (this.at !== end) throw new RangeError('a packed list is cut off');
  }

  private entry({ element, key: keyType }: FieldPlan, map: Draft): void {
    this.part();
    const end = this.end();
    let key: unknown;
    let value: unknown;
    while (this.at < end) {
      const tag = this.tag();
      if (this.isStrict) refuseOther(tag, { element, key: keyType });
      if (tag >>> 3 === 1) key = this.scalar({ kind: 'scalar', scalar: keyType, strict: true });
      else if (tag >>> 3 !== 2) this.skip(tag);
      else if (element.kind === 'scalar') value = this.scalar(element);
      else value = this.message(element.plan, blank(element.plan), this.end());
    }
    if (this.at !== end) throw new RangeError('an entry of a map is cut off');
    key ??= zeroScalar(keyType);
    value ??= element.kind === 'scalar' ? zeroScalar(element.scalar) : blank(element.plan);
    map[String(key)] = value;
  }

  private scalar({ scalar, strict }: Element & { kind: 'scalar' }): unknown {
    switch (scalar) {
      case ScalarType.STRING:
        return this.text(strict);
      case ScalarType.BOOL:
        return this.bool();
      case ScalarType.INT32:
        return this.uint32() | 0;
      case ScalarType.UINT32:
        return this.uint32();
      case ScalarType.SINT32:
        return zigZag(this.uint32());
      case ScalarType.BYTES: {
        const end = this.end();
        const start = this.at;
        this.at = end;
        return this.bytes.subarray(start, end);
      }
      default:
        return this.wide(scalar);
    }
  }

  private wide(scalar: ScalarType): number | bigint {
    if (scalar === ScalarType.INT64) return BigInt.asIntN(64, this.uint64());
    if (scalar === ScalarType.UINT64) return this.uint64();
    if (scalar === ScalarType.SINT64) {
      const encoded = this.uint64();
      return BigInt.asIntN(64, (encoded >> 1n) ^ -(encoded & 1n));
    }
    const is32 =
      scalar === ScalarType.FLOAT ||
      scalar === ScalarType.FIXED32 ||
      scalar === ScalarType.SFIXED32;
    const start = this.at;
    this.take(is32 ? 4 : 8);
    if (scalar === ScalarType.DOUBLE) return this.view.getFloat64(start, true);
    if (scalar === ScalarType.FLOAT) return this.view.getFloat32(start, true);
    if (scalar === ScalarType.FIXED32) return this.view.getUint32(start, true);
    if (scalar === ScalarType.SFIXED32) return this.view.getInt32(start, true);
    if (scalar === ScalarType.FIXED64) return this.view.getBigUint64(start, true);
    return this.view.getBigInt64(start, true);
  }

  private text(strict: boolean): string {
    const end = this.end();
    const start = this.at;
    this.at = end;
    for (let i = start; i < end; i += 1) {
      if ((this.bytes[i] ?? 0) < 0x80) continue;
      const bytes = this.bytes.subarray(start, end);
      return strict ? strictDecoder.decode(bytes) : lenientDecoder.decode(bytes);
    }
    if (end - start > shortText) return this.buffer.toString('latin1', start, end);
    let text = '';
    for (let i = start; i < end; i += 1) text += String.fromCharCode(this.bytes[i] ?? 0);
    return text;
  }

  private bool(): boolean {
    const byte = this.bytes[this.at];
    if (byte === undefined || byte >= 0x80) return this.uint64() !== 0n;
    this.at += 1;
    return byte !== 0;
  }

  /** Where the bytes end whose length comes next. */
  private end(): number {
    const length = this.uint32();
    const end = this.at + length;
    if (end > this.bytes.length) throw new RangeError('the message is cut off');
    return end;
  }

  /** The number and the wire type of a field, which have 32 bits. */
  private tag(): number {
    const first = this.bytes[this.at] ?? 0x80;
    if (first < 0x80) {
      this.at += 1;
      return first;
    }
    const start = this.at;
    const tag = this.uint32();
    const length = this.at - start;
    if (length > 5 || (length === 5 && (this.bytes[this.at - 1] ?? 0) > 0x0f)) {
      throw new RangeError('the number of a field has more than 32 bits');
    }
    return tag;
  }

  /** A variable-length number; of one that is longer, the low 32 bits. */
  private uint32(): number {
    let byte = this.byte();
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw new RangeError('a variable-length number has no end');
      byte = this.byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
    }
    return value >>> 0;
  }

  private uint64(): bigint {
    let low = 0;
    let high = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      if (shift > 63) throw new RangeError('a variable-length number has no end');
      byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
    }
    low >>>= 0;
    high >>>= 0;
    if (high < 0x20_0000) return BigInt(high * 0x1_0000_0000 + low);
    return (BigInt(high) << 32n) | BigInt(low);
  }

  private byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new RangeError('the message is cut off');
    this.at += 1;
    return byte;
  }

  private take(length: number): void {
    this.at += length;
    if (this.at > this.bytes.length) throw new RangeError('the message is cut off');
  }

  /** Others read a known field whatever the wire type says it is. */
  private otherWireType(tag: number, into: Draft): void {
    if (this.isStrict) throw new RangeError(`field ${tag >>> 3} has another wire type`);
    this.unknown(tag, into);
  }

  /** Counts what takes memory of its own. */
  private part(): void {
    this.partsLeft -= 1;
    if (this.partsLeft < 0) throw new TooManyParts('the message has too many parts');
  }

  private unknown(tag: number, into: Draft): void {
    this.part();
    const start = this.at;
    this.skip(tag);
    const data = this.bytes.slice(start, this.at);
    addUnknown(into, { no: tag >>> 3, wireType: tag & 7, data });
  }

  private skip(tag: number): void {
    const wireType = tag & 7;
    if (tag >>> 3 === 0) throw new RangeError('no field has the number 0');
    if (wireType === wire.varint) this.uint64();
    else if (wireType === wire.bit64) this.take(8);
    else if (wireType === wire.bit32) this.take(4);
    else if (wireType === wire.delimited) this.at = this.end();
    else if (wireType === wire.startGroup) this.skipGroup(tag >>> 3);
    else throw new RangeError(`there is no wire type ${wireType} here`);
  }

  private skipGroup(number: number): void {
    if (++this.depth > depthMax) throw new RangeError('groups are nested too deep');
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) === wire.endGroup) {
        if (tag >>> 3 !== number) throw new RangeError('a group ends that did not begin');
        this.depth -= 1;
        return;
      }
      this.skip(tag);
    }
  }
}

/** Throws where something in a map's entry is neither its key nor its value. */
function refuseOther(tag: number, { element, key }: Pick<FieldPlan, 'element' | 'key'>): void {
  const ofValue = element.kind === 'message' ? wire.delimited : wireTypeOf(element.scalar);
  if (tag === (1 << 3) + wireTypeOf(key) || tag === (2 << 3) + ofValue) return;
  throw new RangeError('an entry of a map has more than a key and a value');
}

function addUnknown(into: Draft, field: UnknownField): void {
  const unknown = into['$unknown'] as UnknownField[] | undefined;
  if (unknown === undefined) into['$unknown'] = [field];
  else unknown.push(field);
}

function zigZag(encoded: number): number {
  return (encoded >>> 1) ^ -(encoded & 1);
}

function zeroScalar(scalar: ScalarType): unknown {
  if (scalar === ScalarType.STRING) return '';
  if (scalar === ScalarType.BOOL) return false;
  if (scalar === ScalarType.BYTES) return new Uint8Array(0);
  return isLong(scalar) ? 0n : 0;
}

/** Whether a scalar is a bigint. */
export function isLong(scalar: ScalarType): boolean {
  return (
    scalar === ScalarType.INT64 ||
    scalar === ScalarType.UINT64 ||
    scalar === ScalarType.SINT64 ||
    scalar === ScalarType.FIXED64 ||
    scalar === ScalarType.SFIXED64
  );
}

/** How a scalar is carried. */
export function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wire.delimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return wire.bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return wire.bit32;
    default:
      return wire.varint;
  }
}
