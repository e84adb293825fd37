/** libvirt's protocol: XDR of every type that is used, the connection, and XML. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { VirtualClock } from '../../../server/src/reconcile/virtual-clock.js';
import {
  LibvirtClosedError,
  LibvirtError,
  LibvirtTimeoutError,
} from '../../../server/src/wire/libvirt/errors.js';
import {
  EVENTS,
  MessageStatus,
  MessageType,
  PROCEDURES,
  PROGRAM_VERSION,
  type Procedure,
  Program,
  xdrError,
  xdrHeader,
} from '../../../server/src/wire/libvirt/protocol.js';
import { CALL_TIMEOUT_MS, RpcConnection } from '../../../server/src/wire/libvirt/rpc.js';
import {
  decodeXdr,
  encodeXdr,
  XdrError,
  type XdrReader,
  type XdrType,
} from '../../../server/src/wire/libvirt/xdr.js';
import { formatXml, parseXml } from '../../../server/src/wire/libvirt/xml.js';
import type { Random } from '../random.js';
import { holds, type Target } from '../target.js';

type AnyType = XdrType<unknown>;
type AnyProcedure = Procedure<unknown, unknown>;

const procedures = Object.values(PROCEDURES) as unknown as AnyProcedure[];
const types: readonly AnyType[] = [
  xdrHeader as AnyType,
  xdrError as AnyType,
  ...procedures.flatMap(({ args, result }) => [args, result]),
  ...Object.values(EVENTS).map(({ body }) => body as AnyType),
];

/** The first byte says which type the others are of. */
const xdr: Target = {
  name: 'xdr',
  make(random) {
    const index = random.below(types.length);
    const type = types[index] as AnyType;
    return Buffer.concat([Buffer.from([index]), xdrOf(type, random)]);
  },
  run(input) {
    const type = types[(input[0] ?? 0) % types.length] as AnyType;
    const value = decodeXdr(type, Buffer.from(input.subarray(1)));
    const again = decodeXdr(type, encodeXdr(type, value));
    holds(isDeepStrictEqual(again, value), 'what is encoded again decodes to something else');
    return value;
  },
  isRefusal: (error) => error instanceof XdrError,
};

const triesMax = 60;

/**
 * Bytes of a value of a type: the type itself decodes what chance gives it, and what it took is
 * what a value looks like.
 */
function xdrOf(type: AnyType, random: Random): Buffer {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const pieces: Buffer[] = [];
    const bytes = {
      length: 2 ** 30,
      subarray(begin: number, end: number) {
        const piece = end - begin === 4 ? word(random) : Buffer.from(random.text(end - begin));
        const exact = Buffer.concat([piece, Buffer.alloc(end - begin)], end - begin);
        pieces.push(exact);
        return exact;
      },
    };
    try {
      type.decode({ bytes, offset: 0 } as unknown as XdrReader);
      return Buffer.concat(pieces);
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
    }
  }
  return Buffer.alloc(0);
}

function word(random: Random): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(random.chance(0.7) ? random.below(2) : random.below(12));
  return bytes;
}

const calls = [
  'authList',
  'nodeGetInfo',
  'connectListAllDomains',
  'connectGetHostname',
] as const satisfies readonly (keyof typeof PROCEDURES)[];

/** What libvirtd sends; the first byte says in which pieces it comes. */
const rpc: Target = {
  name: 'libvirt-rpc',
  make(random) {
    const packets = random.many(8, () => packetOf(random));
    return Buffer.concat([random.bytes(1), ...packets]);
  },
  async run(input) {
    const clock = new VirtualClock();
    const socket = Object.assign(new EventEmitter(), {
      write: () => true,
      destroy: () => undefined,
    });
    const connection = new RpcConnection({
      socket: socket as unknown as Socket,
      timers: clock,
      onMessage(procedure, body) {
        const event = Object.values(EVENTS).find(({ number }) => number === procedure);
        if (event !== undefined) decodeXdr(event.body as AnyType, body);
      },
    });
    let settled = 0;
    const errors: unknown[] = [];
    for (const name of calls) {
      const { ...procedure } = PROCEDURES[name] as unknown as AnyProcedure;
      const args = name === 'connectListAllDomains' ? { needResults: 1, flags: 0 } : undefined;
      connection
        .call({ name, procedure, args })
        .catch((error: unknown) => errors.push(error))
        .finally(() => {
          settled += 1;
        });
    }
    for (const piece of pieces(input)) socket.emit('data', piece);
    clock.advance(2 * CALL_TIMEOUT_MS);
    socket.emit('close');
    await new Promise((resolve) => setImmediate(resolve));
    holds(settled === calls.length, `${calls.length - settled} calls never end`);
    const wrong = errors.find((error) => !isLibvirts(error));
    if (wrong !== undefined) throw wrong;
    return settled;
  },
  isRefusal: () => false,
};

const isLibvirts = (error: unknown): boolean =>
  error instanceof LibvirtError ||
  error instanceof LibvirtClosedError ||
  error instanceof LibvirtTimeoutError;

/** The input after its first byte, cut into pieces by it; sockets give no empty ones. */
export function* pieces(input: Uint8Array): Generator<Buffer> {
  const rest = Buffer.from(input.subarray(1));
  const size = [rest.length, 1, 3, 16, 100][(input[0] ?? 0) % 5] || 1;
  const step = Math.max(size, Math.ceil(rest.length / 2_000));
  for (let at = 0; at < rest.length; at += step) yield rest.subarray(at, at + step);
}

function packetOf(random: Random): Buffer {
  const serial = random.between(1, calls.length + 1);
  const name = random.pick(calls);
  const { program, number, result } = PROCEDURES[
    calls[serial - 1] ?? name
  ] as unknown as AnyProcedure;
  const header = {
    program,
    version: PROGRAM_VERSION,
    procedure: number,
    serial,
    status: 0,
    type: 1,
  };
  const kind = random.below(6);
  if (kind === 0) {
    const event = random.pick(Object.values(EVENTS));
    return packet(
      { ...header, procedure: event.number, type: MessageType.MESSAGE },
      xdrOf(event.body as AnyType, random),
    );
  }
  if (kind === 1) {
    return packet(
      { ...header, program: Program.KEEPALIVE, procedure: 1, type: 2 },
      Buffer.alloc(0),
    );
  }
  if (kind === 2) {
    return packet({ ...header, status: MessageStatus.ERROR }, xdrOf(xdrError as AnyType, random));
  }
  return packet(header, xdrOf(result, random));
}

function packet(header: object, body: Buffer): Buffer {
  const head = encodeXdr(xdrHeader, header as never);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + head.length + body.length);
  return Buffer.concat([length, head, body]);
}

const names = ['domain', 'devices', 'disk', 'source', 'alias', 'metadata', 'lqx:resource'];

const xml: Target = {
  name: 'libvirt-xml',
  isText: true,
  words: [
    ...[
      '<',
      '>',
      '/>',
      '</',
      '<domain>',
      '</domain>',
      "='",
      '="',
      '&amp;',
      '&#x41;',
      '&#0;',
      '\r\n',
    ],
    ...[
      '&#x110000;',
      '&lt;',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?xml version="1.0"?>',
      ' xmlns:a=',
    ],
    ...[
      '<!DOCTYPE a [<!ENTITY b "c">]>',
      '&b;',
      '__proto__',
      'constructor',
      '#text',
      ':@',
      '\u0001',
    ],
  ],
  make: (random) => Buffer.from(elementOf(random, 0)),
  run(input) {
    const tree = parseXml(Buffer.from(input).toString('utf8'));
    const again = parseXml(formatXml(tree));
    holds(isDeepStrictEqual(again, tree), 'what is written again is read as something else');
    return tree;
  },
  isRefusal: (error) => error instanceof SyntaxError,
};

const entities = ['&amp;', '&quot;', '&#65;', '&#x10ffff;', '&#x110000;', '&#0;', '&no;', '&#32;'];

function elementOf(random: Random, depth: number): string {
  const plain = (): string => random.text(6).replace(/[<>&'\0\n\t]/g, () => random.pick(entities));
  const name = random.pick(names);
  const attributes = random.many(3, (i) => ` a${i}='${plain()}'`).join('');
  const children = depth > 4 ? [] : random.many(3, () => elementOf(random, depth + 1));
  const text = children.length > 0 ? '' : plain();
  return `<${name}${attributes}>${children.join('')}${text}</${name}>`;
}

/** What of libvirt is fuzzed. */
export const libvirtTargets: readonly Target[] = [xdr, rpc, xml];
