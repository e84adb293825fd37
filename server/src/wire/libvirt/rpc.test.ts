/** The client against a peer that breaks off, stays silent, or speaks something else. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LibvirtApi, Timers } from './api.js';
import { connectLibvirt } from './client.js';
import { LibvirtClosedError, LibvirtTimeoutError } from './errors.js';
import { HEADER_BYTES, LENGTH_WORD_BYTES, PROCEDURES, Program, xdrHeader } from './protocol.js';
import { decodeXdr, encodeXdr, type XdrValue } from './xdr.js';

type Header = XdrValue<typeof xdrHeader>;
type Answer = (header: Header, socket: Socket) => Buffer | undefined;

function packet(header: Header, body: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_WORD_BYTES);
  length.writeUInt32BE(HEADER_BYTES + body.length);
  return Buffer.concat([length, encodeXdr(xdrHeader, header), body]);
}

/** A daemon that opens connections properly and answers everything else with `answer`. */
function daemon(answer: Answer): Answer {
  return (header, socket) => {
    const opening: Record<number, Buffer> = {
      66: encodeXdr(PROCEDURES.authList.result, { types: [0] }),
      1: Buffer.alloc(0),
      60: encodeXdr(PROCEDURES.connectSupportsFeature.result, { supported: 1 }),
      316: encodeXdr(PROCEDURES.eventRegister.result, { callbackId: 0 }),
    };
    return opening[header.procedure] ?? answer(header, socket);
  };
}

describe('a connection', () => {
  let folder: string;
  let server: Server;
  let api: LibvirtApi;
  let expire: (() => void)[] = [];
  const timers: Timers = {
    nowMs: () => 0,
    after(_delayMs, callback) {
      expire.push(callback);
      return () => {
        expire = expire.filter((each) => each !== callback);
      };
    },
  };

  async function connect(answer: Answer): Promise<void> {
    server = createServer((socket) => {
      let rest = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= HEADER_BYTES) {
          const length = rest.readUInt32BE(0);
          const header = decodeXdr(xdrHeader, rest.subarray(LENGTH_WORD_BYTES, HEADER_BYTES));
          rest = rest.subarray(length);
          const body = daemon(answer)(header, socket);
          if (body !== undefined) socket.write(packet({ ...header, type: 1 }, body));
        }
      });
    });
    const socketPath = join(folder, 'socket');
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    api = await connectLibvirt({ socketPath, timers });
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'limiquantix-rpc-'));
    expire = [];
  });
  afterEach(async () => {
    await api.close();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  test('matches answers to calls by serial, in whatever order and pieces they come', async () => {
    const waiting: { header: Header; body: Buffer }[] = [];
    await connect((header, socket) => {
      const body = encodeXdr(PROCEDURES.connectGetHostname.result, {
        hostname: `host-${waiting.length}`,
      });
      waiting.push({ header, body });
      if (waiting.length < 3) return undefined;
      const bytes = waiting.reverse().map((each) => packet({ ...each.header, type: 1 }, each.body));
      for (const byte of Buffer.concat(bytes)) socket.write(Buffer.from([byte]));
      return undefined;
    });
    const names = Promise.all([api.hostname(), api.hostname(), api.hostname()]);
    await expect(names).resolves.toEqual(['host-0', 'host-1', 'host-2']);
  });

  test('rejects every pending call and says so when the socket dies', async () => {
    await connect((_, socket) => {
      socket.destroy();
      return undefined;
    });
    const closed = new Promise((resolve) => api.onClosed(resolve));
    const calls = await Promise.allSettled([api.hostname(), api.listAllDomains()]);
    for (const call of calls) {
      expect(call).toMatchObject({ status: 'rejected', reason: expect.any(LibvirtClosedError) });
    }
    await expect(closed).resolves.toBeInstanceOf(LibvirtClosedError);
    await expect(api.hostname()).rejects.toBeInstanceOf(LibvirtClosedError);
  });

  test('rejects a call whose error or result is none, and all that are pending', async () => {
    await connect(() => Buffer.from([1, 2, 3]));
    const calls = await Promise.allSettled([api.hostname(), api.listAllDomains()]);
    for (const call of calls) {
      expect(call).toMatchObject({ status: 'rejected', reason: expect.any(LibvirtClosedError) });
    }
    await expect(api.hostname()).rejects.toBeInstanceOf(LibvirtClosedError);
  });

  test('gives a call up at its deadline and tolerates its late answer', async () => {
    let late: (() => void) | undefined;
    let arrived = () => undefined as unknown;
    const silence = new Promise((resolve) => {
      arrived = () => resolve(undefined);
    });
    const body = encodeXdr(PROCEDURES.connectGetHostname.result, { hostname: 'host' });
    await connect((header, socket) => {
      if (late !== undefined) return body;
      late = () => socket.write(packet({ ...header, type: 1 }, body));
      arrived();
      return undefined;
    });
    const call = api.hostname();
    await silence;
    for (const callback of [...expire]) callback();
    await expect(call).rejects.toBeInstanceOf(LibvirtTimeoutError);
    late?.();
    await expect(api.hostname()).resolves.toBe('host');
  });

  test('answers keepalive pings', async () => {
    let ponged = () => undefined as unknown;
    const pong = new Promise((resolve) => {
      ponged = () => resolve(undefined);
    });
    await connect((header, socket) => {
      if (header.program === Program.KEEPALIVE) {
        expect(header).toMatchObject({ procedure: 2, type: 2, serial: 0 });
        ponged();
        return undefined;
      }
      const ping = { program: Program.KEEPALIVE, version: 1, procedure: 1 };
      socket.write(packet({ ...ping, type: 2, serial: 0, status: 0 }, Buffer.alloc(0)));
      return encodeXdr(PROCEDURES.connectGetHostname.result, { hostname: 'host' });
    });
    await api.hostname();
    await pong;
  });

  test('ends when the peer speaks something else', async () => {
    await connect((_, socket) => {
      socket.write(Buffer.alloc(64, 0xff));
      return undefined;
    });
    await expect(api.hostname()).rejects.toThrow('not its protocol');
  });
});
