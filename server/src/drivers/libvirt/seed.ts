/**
 * A small ISO 9660 file system (ECMA-119) with one folder, labelled `cidata`, as the NoCloud data
 * source reads it. Long names come twice: by Rock Ridge (IEEE P1282) for Linux and the BSDs and by
 * Joliet for Windows. Pure and deterministic: the same files give the same bytes.
 */
import type { SeedDocuments } from './cloud-init.js';

const SECTOR = 2_048;
const LABEL = 'cidata';
const VOLUME_SECTORS_BEFORE_FILES = 25;
/** busybox looks for labels up to 68 KiB into a disk and gives up where a disk ends before that. */
const SECTORS_MIN = 40;
const PATH_TABLE_BYTES = 10;
const DIRECTORY_FLAG = 2;
const FOLDER_MODE = 0o040555;
const FILE_MODE = 0o100444;
/** 2020-01-01 00:00:00 UTC, as seven bytes of a directory record. */
const RECORD_DATE = Buffer.from([120, 1, 1, 0, 0, 0, 0]);
const VOLUME_DATE = '2020010100000000\0';
const NO_DATE = '0000000000000000\0';

/** Sectors of what comes before the files. */
const Sector = {
  primary: 16,
  joliet: 17,
  terminator: 18,
  primaryTableLittle: 19,
  primaryTableBig: 20,
  jolietTableLittle: 21,
  jolietTableBig: 22,
  primaryFolder: 23,
  jolietFolder: 24,
} as const;

interface PlacedFile {
  readonly name: string;
  /** The name for readers that know no extension. */
  readonly shortName: string;
  readonly content: Buffer;
  readonly sector: number;
}

/** The seed as a disk image. */
export function createSeed(documents: SeedDocuments): Buffer {
  const files = placeFiles([
    ['meta-data', 'METADATA.;1', documents.metaData],
    ['network-config', 'NETWORKC.;1', documents.networkConfig],
    ['user-data', 'USERDATA.;1', documents.userData],
  ]);
  const last = files.at(-1);
  const used = last === undefined ? 0 : last.sector + sectorsOf(last.content.length);
  const sectors = Math.max(used, SECTORS_MIN);
  const image = Buffer.alloc(sectors * SECTOR);
  const put = (sector: number, bytes: Buffer) => bytes.copy(image, sector * SECTOR);
  put(Sector.primary, volumeDescriptor('primary', sectors));
  put(Sector.joliet, volumeDescriptor('joliet', sectors));
  put(Sector.terminator, Buffer.from('\xffCD001\x01', 'latin1'));
  put(Sector.primaryTableLittle, pathTable(Sector.primaryFolder, 'little'));
  put(Sector.primaryTableBig, pathTable(Sector.primaryFolder, 'big'));
  put(Sector.jolietTableLittle, pathTable(Sector.jolietFolder, 'little'));
  put(Sector.jolietTableBig, pathTable(Sector.jolietFolder, 'big'));
  put(Sector.primaryFolder, primaryFolder(files));
  put(Sector.jolietFolder, jolietFolder(files));
  for (const file of files) put(file.sector, file.content);
  return image;
}

function placeFiles(entries: readonly (readonly [string, string, string])[]): PlacedFile[] {
  let sector = VOLUME_SECTORS_BEFORE_FILES;
  return entries.map(([name, shortName, text]) => {
    const file = { name, shortName, content: Buffer.from(text, 'utf8'), sector };
    sector += sectorsOf(file.content.length);
    return file;
  });
}

function sectorsOf(lengthBytes: number): number {
  return Math.max(1, Math.ceil(lengthBytes / SECTOR));
}

/** ECMA-119 §8.4 and §8.5; Joliet differs in type, escape sequence and the encoding of names. */
function volumeDescriptor(kind: 'primary' | 'joliet', sectors: number): Buffer {
  const isJoliet = kind === 'joliet';
  const descriptor = Buffer.alloc(SECTOR);
  descriptor.write(isJoliet ? '\x02CD001\x01' : '\x01CD001\x01', 0, 'latin1');
  const text = (offset: number, length: number, value: string) => {
    const bytes = isJoliet ? ucs2(value.padEnd(length >> 1)) : Buffer.from(value.padEnd(length));
    bytes.copy(descriptor, offset, 0, length);
  };
  text(8, 32, '');
  text(40, 32, LABEL);
  bothEndian32(sectors).copy(descriptor, 80);
  if (isJoliet) descriptor.write('%/E', 88, 'latin1');
  for (const offset of [120, 124]) bothEndian16(1).copy(descriptor, offset);
  bothEndian16(SECTOR).copy(descriptor, 128);
  bothEndian32(PATH_TABLE_BYTES).copy(descriptor, 132);
  descriptor.writeUInt32LE(isJoliet ? Sector.jolietTableLittle : Sector.primaryTableLittle, 140);
  descriptor.writeUInt32BE(isJoliet ? Sector.jolietTableBig : Sector.primaryTableBig, 148);
  const folder = isJoliet ? Sector.jolietFolder : Sector.primaryFolder;
  folderRecord('\0', folder).copy(descriptor, 156);
  for (const offset of [190, 318, 446, 574]) text(offset, 128, '');
  for (const offset of [702, 739, 776]) text(offset, 37, '');
  descriptor.write(VOLUME_DATE, 813, 'latin1');
  descriptor.write(VOLUME_DATE, 830, 'latin1');
  descriptor.write(NO_DATE, 847, 'latin1');
  descriptor.write(NO_DATE, 864, 'latin1');
  descriptor[881] = 1;
  return descriptor;
}

/** ECMA-119 §9.4, with the root folder as its one entry. */
function pathTable(folder: number, endian: 'little' | 'big'): Buffer {
  const table = Buffer.alloc(PATH_TABLE_BYTES);
  table[0] = 1;
  if (endian === 'little') {
    table.writeUInt32LE(folder, 2);
    table.writeUInt16LE(1, 6);
  } else {
    table.writeUInt32BE(folder, 2);
    table.writeUInt16BE(1, 6);
  }
  return table;
}

function primaryFolder(files: readonly PlacedFile[]): Buffer {
  const self = Buffer.concat([sharingProtocol(), posix(FOLDER_MODE, 2), extensionReference()]);
  return Buffer.concat([
    folderRecord('\0', Sector.primaryFolder, self),
    folderRecord('\x01', Sector.primaryFolder, posix(FOLDER_MODE, 2)),
    ...files.map((file) =>
      record({
        name: Buffer.from(file.shortName, 'latin1'),
        sector: file.sector,
        lengthBytes: file.content.length,
        flags: 0,
        systemUse: Buffer.concat([posix(FILE_MODE, 1), alternateName(file.name)]),
      }),
    ),
  ]);
}

function jolietFolder(files: readonly PlacedFile[]): Buffer {
  return Buffer.concat([
    folderRecord('\0', Sector.jolietFolder),
    folderRecord('\x01', Sector.jolietFolder),
    ...files.map((file) =>
      record({
        name: ucs2(file.name),
        sector: file.sector,
        lengthBytes: file.content.length,
        flags: 0,
        systemUse: Buffer.alloc(0),
      }),
    ),
  ]);
}

function folderRecord(name: string, sector: number, systemUse: Buffer = Buffer.alloc(0)): Buffer {
  return record({
    name: Buffer.from(name, 'latin1'),
    sector,
    lengthBytes: SECTOR,
    flags: DIRECTORY_FLAG,
    systemUse,
  });
}

/** ECMA-119 §9.1. */
function record(fields: {
  name: Buffer;
  sector: number;
  lengthBytes: number;
  flags: number;
  systemUse: Buffer;
}): Buffer {
  const { name, sector, lengthBytes, flags, systemUse } = fields;
  const nameEnd = 33 + name.length + (name.length % 2 === 0 ? 1 : 0);
  const length = nameEnd + systemUse.length;
  const bytes = Buffer.alloc(length + (length % 2));
  bytes[0] = bytes.length;
  bothEndian32(sector).copy(bytes, 2);
  bothEndian32(lengthBytes).copy(bytes, 10);
  RECORD_DATE.copy(bytes, 18);
  bytes[25] = flags;
  bothEndian16(1).copy(bytes, 28);
  bytes[32] = name.length;
  name.copy(bytes, 33);
  systemUse.copy(bytes, nameEnd);
  return bytes;
}

/** SUSP §5.3: the entry that says that there are extensions. */
function sharingProtocol(): Buffer {
  return Buffer.from([0x53, 0x50, 7, 1, 0xbe, 0xef, 0]);
}

/** SUSP §5.5: which extension it is. */
function extensionReference(): Buffer {
  const name = Buffer.from('RRIP_1991A', 'latin1');
  const head = Buffer.from([0x45, 0x52, 8 + name.length, 1, name.length, 0, 0, 1]);
  return Buffer.concat([head, name]);
}

/** RRIP §4.1.1: mode, links, owner and group. */
function posix(mode: number, links: number): Buffer {
  const head = Buffer.from([0x50, 0x58, 36, 1]);
  return Buffer.concat([head, ...[mode, links, 0, 0].map(bothEndian32)]);
}

/** RRIP §4.1.4: the name. */
function alternateName(name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1');
  return Buffer.concat([Buffer.from([0x4e, 0x4d, 5 + bytes.length, 1, 0]), bytes]);
}

function bothEndian32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

function bothEndian16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(value, 0);
  bytes.writeUInt16BE(value, 2);
  return bytes;
}

/** UCS-2, most significant byte first. */
function ucs2(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}
