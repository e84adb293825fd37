/**
 * The header of QEMU's qcow2 format (docs/interop/qcow2.txt of QEMU), read and written. Pure.
 * Reading tells what a file claims to be; writing makes the smallest valid empty disk, for
 * simulation and tests.
 */

/** What a qcow2 header says. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly virtualBytes: number;
  readonly clusterBytes: number;
  /** Where the backing file's name is in the file, if it has one. */
  readonly backing: { readonly offset: number; readonly length: number } | undefined;
  readonly encrypted: boolean;
  /** Some content is in another file. */
  readonly externalData: boolean;
  /** QEMU found it damaged. */
  readonly corrupt: boolean;
  /** Bits of features that a reader must know and this one doesn't. */
  readonly unknownFeatures: bigint;
}

/** Bytes that are enough to read any header, but for a backing file's name. */
export const qcow2HeaderBytes = 104;
/** The largest disk that is accepted: 64 TiB. */
export const virtualBytesMax = 64 * 1024 ** 4;

const magic = 0x514649fb;
const headerBytesV2 = 72;
const clusterBits = 16;
const clusterBytes = 2 ** clusterBits;
const backingNameBytesMax = 1023;
const backingFormatExtension = 0xe2792aca;
const corruptBit = 1n << 1n;
const externalDataBit = 1n << 2n;
/** Dirty, corrupt, external data, compression type, extended L2. */
const knownFeatures = 0b11111n;

/** Whether content that begins so is a qcow2. */
export function isQcow2(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && view(bytes).getUint32(0) === magic;
}

/** Reads a header, or says in words what is wrong with it. */
export function parseQcow2Header(bytes: Uint8Array): Qcow2Header | { readonly fault: string } {
  if (!isQcow2(bytes)) return { fault: 'it does not begin as a qcow2 does' };
  const data = view(bytes);
  if (bytes.length < headerBytesV2) return { fault: 'it ends within the header' };
  const version = data.getUint32(4);
  if (version !== 2 && version !== 3) return { fault: `it has version ${version}, not 2 or 3` };
  if (version === 3 && bytes.length < qcow2HeaderBytes)
    return { fault: 'it ends within the header' };
  const bits = data.getUint32(20);
  if (bits < 9 || bits > 21) return { fault: `it has clusters of 2^${bits} bytes` };
  const size = data.getBigUint64(24);
  if (size === 0n || size > BigInt(virtualBytesMax)) {
    return { fault: `it describes a disk of ${size} bytes` };
  }
  const backingOffset = data.getBigUint64(8);
  const backingLength = data.getUint32(16);
  if (backingOffset > 0n && (backingOffset > 2n ** 21n || backingLength > backingNameBytesMax)) {
    return { fault: "its backing file's name is out of bounds" };
  }
  const features = version === 3 ? data.getBigUint64(72) : 0n;
  return {
    version,
    virtualBytes: Number(size),
    clusterBytes: 2 ** bits,
    backing:
      backingOffset === 0n ? undefined : { offset: Number(backingOffset), length: backingLength },
    encrypted: data.getUint32(32) !== 0,
    externalData: (features & externalDataBit) !== 0n,
    corrupt: (features & corruptBit) !== 0n,
    unknownFeatures: features & ~knownFeatures,
  };
}

/**
 * Why a qcow2 from elsewhere can't be taken, in words that follow `it`, or undefined. One that
 * refers to another file would read files of the host that its owner has no right to.
 */
export function refuseForeignQcow2(header: Qcow2Header): string | undefined {
  if (header.backing !== undefined) return 'has a backing file; convert it to a standalone qcow2';
  if (header.externalData) return 'has an external data file; convert it to a standalone qcow2';
  if (header.encrypted) return 'is encrypted; convert it to one that is not';
  if (header.corrupt) return 'is marked as damaged; repair it with qemu-img check -r all';
  if (header.unknownFeatures !== 0n) {
    return `needs features that are not known (bits ${header.unknownFeatures.toString(2)})`;
  }
  return undefined;
}

/** What to write. */
export interface Qcow2Layout {
  readonly virtualBytes: number;
  readonly backing?: { readonly path: string; readonly format: string } | undefined;
}

/**
 * The first bytes of an empty qcow2 of version 3: its header, extensions and backing file's name.
 */
export function encodeQcow2Header(layout: Qcow2Layout): Uint8Array {
  const { virtualBytes, backing } = layout;
  const name = new TextEncoder().encode(backing?.path ?? '');
  const format = new TextEncoder().encode(backing?.format ?? '');
  if (name.length > backingNameBytesMax) throw new RangeError('the backing file name is too long');
  const extensionBytes = backing === undefined ? 0 : 8 + Math.ceil(format.length / 8) * 8;
  const nameOffset = qcow2HeaderBytes + extensionBytes + 8;
  const bytes = new Uint8Array(nameOffset + name.length);
  const data = view(bytes);
  const l1Entries = Math.ceil(virtualBytes / (clusterBytes * (clusterBytes / 8)));
  data.setUint32(0, magic);
  data.setUint32(4, 3);
  data.setBigUint64(8, backing === undefined ? 0n : BigInt(nameOffset));
  data.setUint32(16, name.length);
  data.setUint32(20, clusterBits);
  data.setBigUint64(24, BigInt(virtualBytes));
  data.setUint32(36, l1Entries);
  data.setBigUint64(40, BigInt(3 * clusterBytes));
  data.setBigUint64(48, BigInt(clusterBytes));
  data.setUint32(56, 1);
  data.setUint32(96, 4);
  data.setUint32(100, qcow2HeaderBytes);
  if (backing !== undefined) {
    data.setUint32(qcow2HeaderBytes, backingFormatExtension);
    data.setUint32(qcow2HeaderBytes + 4, format.length);
    bytes.set(format, qcow2HeaderBytes + 8);
    bytes.set(name, nameOffset);
  }
  return bytes;
}

/** A whole, valid, empty qcow2: header, refcount table, one refcount block, L1 table. */
export function encodeEmptyQcow2(layout: Qcow2Layout): Uint8Array {
  const header = encodeQcow2Header(layout);
  const l1Entries = view(header).getUint32(36);
  const clusters = 3 + Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes));
  const bytes = new Uint8Array(clusters * clusterBytes);
  bytes.set(header);
  const data = view(bytes);
  data.setBigUint64(clusterBytes, BigInt(2 * clusterBytes));
  for (let cluster = 0; cluster < clusters; cluster += 1) {
    data.setUint16(2 * clusterBytes + cluster * 2, 1);
  }
  return bytes;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
