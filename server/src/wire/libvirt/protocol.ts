/**
 * The procedures of libvirt's remote protocol that are used, as a table: number, arguments,
 * result. Field order and types follow `src/remote/remote_protocol.x`, `qemu_protocol.x`,
 * `src/rpc/virnetprotocol.x` and `virkeepaliveprotocol.x` of libvirt 9.0; numbers are stable.
 */
import {
  type XdrType,
  xdrArray,
  xdrInt,
  xdrOpaque,
  xdrOptional,
  xdrString,
  xdrStruct,
  xdrUhyper,
  xdrUint,
  xdrVoid,
} from './xdr.js';

/** Program numbers; each has version 1. */
export const Program = {
  REMOTE: 0x2000_8086,
  QEMU: 0x2000_8087,
  KEEPALIVE: 0x6b65_6570,
} as const;

/** Version of every program above. */
export const PROGRAM_VERSION = 1;

/** `virNetMessageType`: what a packet is. */
export const MessageType = { CALL: 0, REPLY: 1, MESSAGE: 2 } as const;

/** `virNetMessageStatus` of a reply. */
export const MessageStatus = { OK: 0, ERROR: 1 } as const;

/** Procedures of the keepalive program. */
export const Keepalive = { PING: 1, PONG: 2 } as const;

/** `VIR_DRV_FEATURE_PROGRAM_KEEPALIVE`: asking for it tells the daemon that we answer pings. */
export const FEATURE_KEEPALIVE = 10;

/** `REMOTE_AUTH_NONE`: the socket's permissions are all the authentication there is. */
export const AUTH_NONE = 0;

/** Bytes of the length word that precedes each packet and counts itself. */
export const LENGTH_WORD_BYTES = 4;

/** Bytes of the length word and the header together. */
export const HEADER_BYTES = 28;

/** `VIR_NET_MESSAGE_MAX` and its length word: no valid packet is longer. */
export const PACKET_BYTES_MAX = 33_554_432 + LENGTH_WORD_BYTES;

const STRING_BYTES_MAX = 4_194_304;
const DOMAINS_MAX = 16_384;
const MEMORY_STATS_MAX = 16;
const AUTH_TYPES_MAX = 20;
const MODEL_CHARS = 32;
const UUID_BYTES = 16;

const string = xdrString(STRING_BYTES_MAX);
const optionalString = xdrOptional(string);

/** A UUID in its usual text form; 16 raw bytes on the wire. */
const uuid: XdrType<string> = {
  encode: (writer, value) =>
    xdrOpaque(UUID_BYTES).encode(writer, Buffer.from(value.replaceAll('-', ''), 'hex')),
  decode: (reader) =>
    xdrOpaque(UUID_BYTES)
      .decode(reader)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
};

/** `char model[32]`: XDR gives every char four bytes; ends at the first zero. */
const modelName: XdrType<string> = {
  encode(writer, value) {
    for (let i = 0; i < MODEL_CHARS; i += 1) xdrInt.encode(writer, value.charCodeAt(i) || 0);
  },
  decode(reader) {
    let text = '';
    for (let i = 0, ended = false; i < MODEL_CHARS; i += 1) {
      const code = xdrInt.decode(reader) & 0xff;
      ended ||= code === 0;
      if (!ended) text += String.fromCharCode(code);
    }
    return text;
  },
};

/** `remote_nonnull_domain`; `id` is -1 while the domain does not run. */
export const xdrDomain = xdrStruct({ name: string, uuid, id: xdrInt });

/** `virNetMessageHeader`: what follows the length word. */
export const xdrHeader = xdrStruct({
  program: xdrUint,
  version: xdrUint,
  procedure: xdrInt,
  type: xdrInt,
  serial: xdrUint,
  status: xdrInt,
});

/** `remote_error`: the body of a reply whose status is ERROR. */
export const xdrError = xdrStruct({
  code: xdrInt,
  domain: xdrInt,
  message: optionalString,
  level: xdrInt,
  dom: xdrOptional(xdrDomain),
  str1: optionalString,
  str2: optionalString,
  str3: optionalString,
  int1: xdrInt,
  int2: xdrInt,
  net: xdrOptional(xdrStruct({ name: string, uuid })),
});

/** One procedure: where it is and what it carries. */
export interface Procedure<A, R> {
  readonly program: number;
  readonly number: number;
  readonly args: XdrType<A>;
  readonly result: XdrType<R>;
}

const domOnly = xdrStruct({ dom: xdrDomain });
const domFlags = xdrStruct({ dom: xdrDomain, flags: xdrUint });
const domXmlFlags = xdrStruct({ dom: xdrDomain, xml: string, flags: xdrUint });
const xmlFlags = xdrStruct({ xml: string, flags: xdrUint });

function remote<A, R>(number: number, args: XdrType<A>, result: XdrType<R>): Procedure<A, R> {
  return { program: Program.REMOTE, number, args, result };
}

/** Every procedure that the client calls (`enum remote_procedure`, `enum qemu_procedure`). */
export const PROCEDURES = {
  connectOpen: remote(1, xdrStruct({ name: optionalString, flags: xdrUint }), xdrVoid),
  connectClose: remote(2, xdrVoid, xdrVoid),
  connectGetVersion: remote(4, xdrVoid, xdrStruct({ version: xdrUhyper })),
  nodeGetInfo: remote(
    6,
    xdrVoid,
    xdrStruct({
      model: modelName,
      memoryKib: xdrUhyper,
      cpus: xdrInt,
      mhz: xdrInt,
      nodes: xdrInt,
      sockets: xdrInt,
      cores: xdrInt,
      threads: xdrInt,
    }),
  ),
  connectGetCapabilities: remote(7, xdrVoid, xdrStruct({ xml: string })),
  domainCreateXml: remote(10, xmlFlags, domOnly),
  domainGetXmlDesc: remote(14, domFlags, xdrStruct({ xml: string })),
  domainLookupByUuid: remote(24, xdrStruct({ uuid }), domOnly),
  domainReboot: remote(27, domFlags, xdrVoid),
  domainResume: remote(28, domOnly, xdrVoid),
  domainSuspend: remote(34, domOnly, xdrVoid),
  connectGetHostname: remote(59, xdrVoid, xdrStruct({ hostname: string })),
  connectSupportsFeature: remote(
    60,
    xdrStruct({ feature: xdrInt }),
    xdrStruct({ supported: xdrInt }),
  ),
  domainIsPersistent: remote(151, domOnly, xdrStruct({ persistent: xdrInt })),
  domainGetBlockInfo: remote(
    194,
    xdrStruct({ dom: xdrDomain, path: string, flags: xdrUint }),
    xdrStruct({ allocationBytes: xdrUhyper, capacityBytes: xdrUhyper, physicalBytes: xdrUhyper }),
  ),
  authList: remote(66, xdrVoid, xdrStruct({ types: xdrArray(xdrInt, AUTH_TYPES_MAX) })),
  connectGetLibVersion: remote(157, xdrVoid, xdrStruct({ version: xdrUhyper })),
  domainAttachDeviceFlags: remote(160, domXmlFlags, xdrVoid),
  domainDetachDeviceFlags: remote(161, domXmlFlags, xdrVoid),
  domainUpdateDeviceFlags: remote(174, domXmlFlags, xdrVoid),
  domainCreateWithFlags: remote(196, domFlags, domOnly),
  domainSetVcpusFlags: remote(
    199,
    xdrStruct({ dom: xdrDomain, count: xdrUint, flags: xdrUint }),
    xdrVoid,
  ),
  domainSetMemoryFlags: remote(
    204,
    xdrStruct({ dom: xdrDomain, memoryKib: xdrUhyper, flags: xdrUint }),
    xdrVoid,
  ),
  domainGetState: remote(212, domFlags, xdrStruct({ state: xdrInt, reason: xdrInt })),
  nodeGetMemoryStats: remote(
    228,
    xdrStruct({ count: xdrInt, cell: xdrInt, flags: xdrUint }),
    xdrStruct({
      stats: xdrArray(xdrStruct({ field: string, value: xdrUhyper }), MEMORY_STATS_MAX),
      count: xdrInt,
    }),
  ),
  domainUndefineFlags: remote(231, domFlags, xdrVoid),
  domainDestroyFlags: remote(234, domFlags, xdrVoid),
  domainReset: remote(245, domFlags, xdrVoid),
  domainManagedSave: remote(182, domFlags, xdrVoid),
  domainHasManagedSaveImage: remote(183, domFlags, xdrStruct({ result: xdrInt })),
  domainManagedSaveRemove: remote(184, domFlags, xdrVoid),
  domainBlockResize: remote(
    251,
    xdrStruct({ dom: xdrDomain, disk: string, size: xdrUhyper, flags: xdrUint }),
    xdrVoid,
  ),
  domainShutdownFlags: remote(258, domFlags, xdrVoid),
  domainSetMetadata: remote(
    264,
    xdrStruct({
      dom: xdrDomain,
      type: xdrInt,
      metadata: optionalString,
      key: optionalString,
      uri: optionalString,
      flags: xdrUint,
    }),
    xdrVoid,
  ),
  domainGetMetadata: remote(
    265,
    xdrStruct({ dom: xdrDomain, type: xdrInt, uri: optionalString, flags: xdrUint }),
    xdrStruct({ metadata: string }),
  ),
  connectListAllDomains: remote(
    273,
    xdrStruct({ needResults: xdrInt, flags: xdrUint }),
    xdrStruct({ domains: xdrArray(xdrDomain, DOMAINS_MAX), count: xdrUint }),
  ),
  eventRegister: remote(
    316,
    xdrStruct({ eventId: xdrInt, dom: xdrOptional(xdrDomain) }),
    xdrStruct({ callbackId: xdrInt }),
  ),
  domainDefineXmlFlags: remote(350, xmlFlags, domOnly),
  qemuAgentCommand: {
    program: Program.QEMU,
    number: 3,
    args: xdrStruct({ dom: xdrDomain, command: string, timeoutSeconds: xdrInt, flags: xdrUint }),
    result: xdrStruct({ result: optionalString }),
  },
} as const;

/** Events that the daemon sends as messages of the remote program, by procedure number. */
export const EVENTS = {
  lifecycle: {
    number: 318,
    body: xdrStruct({ callbackId: xdrInt, dom: xdrDomain, event: xdrInt, detail: xdrInt }),
  },
  reboot: { number: 319, body: xdrStruct({ callbackId: xdrInt, dom: xdrDomain }) },
  deviceRemoved: {
    number: 333,
    body: xdrStruct({ callbackId: xdrInt, dom: xdrDomain, alias: string }),
  },
  agentLifecycle: {
    number: 348,
    body: xdrStruct({ callbackId: xdrInt, dom: xdrDomain, state: xdrInt, reason: xdrInt }),
  },
  deviceRemovalFailed: {
    number: 367,
    body: xdrStruct({ callbackId: xdrInt, dom: xdrDomain, alias: string }),
  },
} as const;
