/** Every packet recorded from libvirtd 9.0 decodes with the table and encodes to the same bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  EVENTS,
  HEADER_BYTES,
  LENGTH_WORD_BYTES,
  MessageStatus,
  MessageType,
  PROCEDURES,
  Program,
  xdrError,
  xdrHeader,
} from './protocol.js';
import {
  decodeXdr,
  encodeXdr,
  XdrError,
  type XdrType,
  xdrArray,
  xdrString,
  xdrUint,
} from './xdr.js';

interface Recorded {
  readonly about: string;
  readonly direction: 'sent' | 'received';
  readonly hex: string;
}

const recorded = JSON.parse(
  readFileSync(join(__dirname, 'fixtures/exchange.json'), 'utf8'),
) as Recorded[];

function bodyType(header: { program: number; procedure: number; type: number; status: number }) {
  if (header.program === Program.KEEPALIVE) return undefined;
  if (header.type === MessageType.MESSAGE) {
    return Object.values(EVENTS).find((event) => event.number === header.procedure)?.body;
  }
  if (header.status === MessageStatus.ERROR) return xdrError;
  const procedure = Object.values(PROCEDURES).find(
    (each) => each.program === header.program && each.number === header.procedure,
  );
  return header.type === MessageType.CALL ? procedure?.args : procedure?.result;
}

function split(hex: string) {
  const packet = Buffer.from(hex, 'hex');
  return {
    length: packet.readUInt32BE(0),
    header: decodeXdr(xdrHeader, packet.subarray(LENGTH_WORD_BYTES, HEADER_BYTES)),
    body: packet.subarray(HEADER_BYTES),
  };
}

describe('recorded packets', () => {
  test.each(recorded.map((each, index) => [`${index} ${each.about} ${each.direction}`, each]))(
    '%s decodes and encodes to the same bytes',
    (_, { hex }) => {
      const { length, header, body } = split(hex as string);
      expect(length).toBe((hex as string).length / 2);
      expect(encodeXdr(xdrHeader, header).toString('hex')).toBe((hex as string).slice(8, 56));
      const type = bodyType(header) as XdrType<unknown> | undefined;
      if (header.program === Program.KEEPALIVE) return;
      expect(type).toBeDefined();
      if (type === undefined) return;
      expect(encodeXdr(type, decodeXdr(type, body)).toString('hex')).toBe(body.toString('hex'));
    },
  );

  test('cover every procedure and event of the table but a few', () => {
    const seen = new Set(
      recorded.map(({ hex }) => split(hex).header).map((h) => `${h.program}/${h.procedure}`),
    );
    const missing = Object.entries(PROCEDURES)
      .filter(([, each]) => !seen.has(`${each.program}/${each.number}`))
      .map(([name]) => name);
    expect(missing).toEqual(['connectClose', 'connectGetCapabilities']);
  });

  test('say what they said', () => {
    const reply = recorded.find(
      (each) => each.about === 'nodeInfo' && each.direction === 'received',
    );
    const info = decodeXdr(PROCEDURES.nodeGetInfo.result, split(reply?.hex ?? '').body);
    expect(info).toMatchObject({ model: 'x86_64', cpus: 2, sockets: 1 });
    const missing = recorded.find(
      (each) => each.about === 'lookup missing' && each.direction === 'received',
    );
    expect(decodeXdr(xdrError, split(missing?.hex ?? '').body)).toMatchObject({
      code: 42,
      message: expect.stringContaining('no domain with matching uuid'),
    });
  });
});

describe('malformed XDR', () => {
  test.each<[string, XdrType<unknown>, string]>([
    ['a string longer than its maximum', xdrString(4) as XdrType<unknown>, '0000000561626364'],
    ['a string longer than the message', xdrString(400) as XdrType<unknown>, '0000010061626364'],
    ['an array longer than its maximum', xdrArray(xdrUint, 1) as XdrType<unknown>, '00000002'],
    ['bytes after the value', xdrUint as XdrType<unknown>, '0000000200'],
    ['a value cut short', xdrUint as XdrType<unknown>, '000000'],
  ])('%s is refused', (_, type, hex) => {
    expect(() => decodeXdr(type, Buffer.from(hex, 'hex'))).toThrow(XdrError);
  });

  test('a value that does not fit is refused before it is sent', () => {
    expect(() => encodeXdr(xdrUint, -1)).toThrow(XdrError);
    expect(() => encodeXdr(xdrUint, 1.5)).toThrow(XdrError);
  });
});
