/** The seed's file system, read back with the names that each kind of reader sees. */
import { createSeed } from './seed.js';

const SECTOR = 2_048;
const documents = {
  metaData: 'instance-id: a\n',
  userData: `#cloud-config\n${'x'.repeat(5_000)}`,
  networkConfig: '',
};

/** Files of the folder that a volume descriptor points at, by what `nameOf` finds in a record. */
function files(image: Buffer, descriptor: number, nameOf: (record: Buffer) => string) {
  const at = descriptor * SECTOR;
  expect(image.toString('latin1', at + 1, at + 6)).toBe('CD001');
  const folder = image.readUInt32LE(at + 158) * SECTOR;
  const found: Record<string, string> = {};
  for (let offset = folder; image[offset] !== 0; offset += image[offset] ?? 0) {
    const record = image.subarray(offset, offset + (image[offset] ?? 0));
    expect(record.readUInt32LE(2)).toBe(record.readUInt32BE(6));
    if (record[25] === 2) continue;
    const begin = record.readUInt32LE(2) * SECTOR;
    const content = image.toString('utf8', begin, begin + record.readUInt32LE(10));
    found[nameOf(record)] = content;
  }
  return found;
}

const wanted = {
  'meta-data': documents.metaData,
  'network-config': documents.networkConfig,
  'user-data': documents.userData,
};

test('is labelled cidata and as long as it says', () => {
  const image = createSeed(documents);
  expect(image.toString('latin1', 16 * SECTOR + 40, 16 * SECTOR + 46)).toBe('cidata');
  expect(image.length).toBe(image.readUInt32LE(16 * SECTOR + 80) * SECTOR);
});

test('shows its files under their long names by Rock Ridge', () => {
  const alternateName = (record: Buffer) => {
    const at = record.indexOf('NM');
    return record.toString('latin1', at + 5, at + (record[at + 2] ?? 0));
  };
  expect(files(createSeed(documents), 16, alternateName)).toEqual(wanted);
});

test('shows its files under their long names by Joliet', () => {
  const wideName = (record: Buffer) =>
    Buffer.from(record.subarray(33, 33 + (record[32] ?? 0)))
      .swap16()
      .toString('utf16le');
  expect(files(createSeed(documents), 17, wideName)).toEqual(wanted);
});

test('is the same for the same documents', () => {
  expect(createSeed(documents).equals(createSeed({ ...documents }))).toBe(true);
});
