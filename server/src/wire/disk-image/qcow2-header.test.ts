/** What a qcow2 header is read as, and which images from elsewhere are refused. */
import {
  encodeEmptyQcow2,
  encodeQcow2Header,
  isQcow2,
  parseQcow2Header,
  refuseForeignQcow2,
  virtualBytesMax,
} from './qcow2-header.js';

const gib = 1024 ** 3;

/**
 * The head of `qemu-img create -f qcow2 -b a.qcow2 -F qcow2 b.qcow2 2G` (QEMU 7.2), without its
 * tail.
 */
const fromQemu = Buffer.from(
  '514649fb000000030000000000000210000000070000001000000000800000000000000000000004000000000003' +
    '00000000000000010000000000010000000000000000000000000000000000000000000000000000000000000000' +
    '0000000000000000000400000070000000000000000000',
  'hex',
);

function changed(change: (data: DataView) => void): Uint8Array {
  const bytes = encodeEmptyQcow2({ virtualBytes: gib });
  change(new DataView(bytes.buffer));
  return bytes;
}

describe('parseQcow2Header', () => {
  it('reads what QEMU writes', () => {
    expect(parseQcow2Header(fromQemu)).toEqual({
      version: 3,
      virtualBytes: 2 * gib,
      clusterBytes: 65536,
      backing: { offset: 0x210, length: 7 },
      encrypted: false,
      externalData: false,
      corrupt: false,
      unknownFeatures: 0n,
    });
  });

  it('reads what it writes', () => {
    const backing = { path: '../images/a', format: 'raw' };
    const bytes = encodeQcow2Header({ virtualBytes: 3 * gib, backing });
    const header = parseQcow2Header(bytes);
    if ('fault' in header || header.backing === undefined) throw new Error('not as written');
    const { offset, length } = header.backing;
    expect(Buffer.from(bytes.subarray(offset, offset + length)).toString()).toBe(backing.path);
    expect(header.virtualBytes).toBe(3 * gib);
  });

  it.each([
    ['other content', new Uint8Array(512), 'begin'],
    ['nothing', new Uint8Array(), 'begin'],
    ['a cut header', fromQemu.subarray(0, 90), 'ends within'],
    ['version 1', changed((data) => data.setUint32(4, 1)), 'version 1'],
    ['huge clusters', changed((data) => data.setUint32(20, 30)), 'clusters'],
    ['no size', changed((data) => data.setBigUint64(24, 0n)), 'disk of 0'],
    [
      'too large a size',
      changed((data) => data.setBigUint64(24, BigInt(virtualBytesMax) + 1n)),
      'disk of',
    ],
    ['a name out of bounds', changed((data) => data.setBigUint64(8, 1n << 40n)), 'out of bounds'],
  ])('says what is wrong with %s', (_, bytes, fault) => {
    expect(parseQcow2Header(bytes)).toEqual({ fault: expect.stringContaining(fault) });
  });

  it('reads version 2, which has no features', () => {
    const header = parseQcow2Header(changed((data) => data.setUint32(4, 2)).subarray(0, 72));
    expect(header).toMatchObject({ version: 2, virtualBytes: gib, unknownFeatures: 0n });
  });
});

describe('refuseForeignQcow2', () => {
  it.each([
    ['a backing file', (data: DataView) => data.setBigUint64(8, 112n), 'backing file'],
    ['an external data file', (data: DataView) => data.setBigUint64(72, 4n), 'external data'],
    ['encryption', (data: DataView) => data.setUint32(32, 2), 'encrypted'],
    ['damage', (data: DataView) => data.setBigUint64(72, 2n), 'damaged'],
    ['a feature from the future', (data: DataView) => data.setBigUint64(72, 64n), 'features'],
  ])('refuses %s', (_, change, words) => {
    const header = parseQcow2Header(changed(change));
    if ('fault' in header) throw new Error(header.fault);
    expect(refuseForeignQcow2(header)).toContain(words);
  });

  it('takes a standalone disk', () => {
    const header = parseQcow2Header(encodeEmptyQcow2({ virtualBytes: gib }));
    if ('fault' in header) throw new Error(header.fault);
    expect(refuseForeignQcow2(header)).toBeUndefined();
    expect(isQcow2(new Uint8Array([0x51, 0x46]))).toBe(false);
  });
});
