/**
 * The client of a real libvirtd over its unix socket: opens `qemu:///system` (or another URI of
 * that daemon), subscribes to domain events, and maps `LibvirtApi` onto procedures. It does not
 * reconnect: a connection that ended stays ended and says so through `onClosed`.
 */
import { createConnection, type Socket } from 'node:net';
import type { Domain, DomainEvent, LibvirtApi, Timers, Unsubscribe } from './api.js';
import { EventId, MetadataType } from './constants.js';
import { LibvirtClosedError } from './errors.js';
import { AUTH_NONE, EVENTS, FEATURE_KEEPALIVE, PROCEDURES, type Procedure } from './protocol.js';
import { CALL_TIMEOUT_MS, type PacketTap, RpcConnection } from './rpc.js';
import { decodeXdr } from './xdr.js';

/** The socket and the driver URI of most installations. */
export const LIBVIRT_SOCKET = '/run/libvirt/libvirt-sock';
export const LIBVIRT_URI = 'qemu:///system';

/** An agent command's own deadline plus this is when its call is given up. */
const AGENT_CALL_MARGIN_MS = 5_000;
/** The memory of a large guest takes minutes to write. */
const SAVE_TIMEOUT_MS = 30 * 60_000;

/** Statistics that `virNodeGetMemoryStats` gives for a whole node. */
const MEMORY_STATS_COUNT = 4;
const ALL_CELLS = -1;

/** What a connection needs. */
export interface LibvirtClientOptions {
  readonly socketPath: string;
  readonly timers: Timers;
  readonly uri?: string;
  readonly connectTimeoutMs?: number;
  readonly tap?: PacketTap;
}

/** Connects, authenticates (the socket's permissions suffice), opens and subscribes. */
export async function connectLibvirt(options: LibvirtClientOptions): Promise<LibvirtApi> {
  const socket = await openSocket(options);
  const listeners = new Set<(event: DomainEvent) => void>();
  const connection = new RpcConnection({
    socket,
    timers: options.timers,
    onMessage(procedure, body) {
      const event = decodeEvent(procedure, body);
      if (event !== undefined) for (const listener of [...listeners]) listener(event);
    },
    ...(options.tap === undefined ? {} : { tap: options.tap }),
  });
  try {
    await open(connection, options.uri ?? LIBVIRT_URI);
  } catch (error) {
    connection.end(new LibvirtClosedError('the connection could not be opened'));
    throw error;
  }
  return createApi(connection, listeners);
}

function openSocket(options: LibvirtClientOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(options.socketPath);
    const cancelDeadline = options.timers.after(options.connectTimeoutMs ?? CALL_TIMEOUT_MS, () =>
      socket.destroy(new LibvirtClosedError('libvirtd did not accept the connection')),
    );
    const fail = (error: Error) => {
      cancelDeadline();
      reject(new LibvirtClosedError(`cannot connect to libvirtd: ${error.message}`));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      cancelDeadline();
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

async function open(connection: RpcConnection, uri: string): Promise<void> {
  const call = caller(connection);
  const { types } = await call('authList', PROCEDURES.authList, undefined);
  if (!types.includes(AUTH_NONE)) {
    throw new LibvirtClosedError(`libvirtd wants authentication of type ${types.join(', ')}`);
  }
  await call('connectOpen', PROCEDURES.connectOpen, { name: uri, flags: 0 });
  await call('connectSupportsFeature', PROCEDURES.connectSupportsFeature, {
    feature: FEATURE_KEEPALIVE,
  });
  for (const eventId of Object.values(EventId)) {
    await call('eventRegister', PROCEDURES.eventRegister, { eventId, dom: null });
  }
}

type Call = <A, R>(
  name: string,
  procedure: Procedure<A, R>,
  args: A,
  timeoutMs?: number,
) => Promise<R>;

function caller(connection: RpcConnection): Call {
  return (name, procedure, args, timeoutMs) =>
    connection.call({
      name,
      procedure,
      args,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
}

function createApi(
  connection: RpcConnection,
  listeners: Set<(event: DomainEvent) => void>,
): LibvirtApi {
  const call = caller(connection);
  return {
    ...nodeCalls(call),
    ...definitionCalls(call),
    ...powerCalls(call),
    ...deviceCalls(call),
    ...guestCalls(call),
    onEvent(listener): Unsubscribe {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onClosed: (listener) => connection.onClosed(listener),
    async close() {
      connection.end(new LibvirtClosedError('the connection was closed here'));
    },
  };
}

function nodeCalls(call: Call) {
  return {
    async versions() {
      const [hypervisor, library] = await Promise.all([
        call('connectGetVersion', PROCEDURES.connectGetVersion, undefined),
        call('connectGetLibVersion', PROCEDURES.connectGetLibVersion, undefined),
      ]);
      return { hypervisor: Number(hypervisor.version), library: Number(library.version) };
    },
    hostname: async () =>
      (await call('connectGetHostname', PROCEDURES.connectGetHostname, undefined)).hostname,
    nodeInfo: () => call('nodeGetInfo', PROCEDURES.nodeGetInfo, undefined),
    async nodeMemory() {
      const args = { count: MEMORY_STATS_COUNT, cell: ALL_CELLS, flags: 0 };
      const { stats } = await call('nodeGetMemoryStats', PROCEDURES.nodeGetMemoryStats, args);
      const field = (name: string) => stats.find((stat) => stat.field === name)?.value ?? 0n;
      return {
        totalKib: field('total'),
        freeKib: field('free'),
        buffersKib: field('buffers'),
        cachedKib: field('cached'),
      };
    },
    capabilitiesXml: async () =>
      (await call('connectGetCapabilities', PROCEDURES.connectGetCapabilities, undefined)).xml,
    async listAllDomains() {
      const args = { needResults: 1, flags: 0 };
      return (await call('connectListAllDomains', PROCEDURES.connectListAllDomains, args)).domains;
    },
    lookupByUuid: async (uuid: string) =>
      (await call('domainLookupByUuid', PROCEDURES.domainLookupByUuid, { uuid })).dom,
  };
}

function definitionCalls(call: Call) {
  return {
    defineXml: async (xml: string) =>
      (await call('domainDefineXmlFlags', PROCEDURES.domainDefineXmlFlags, { xml, flags: 0 })).dom,
    undefine: (dom: Domain, flags: number) =>
      call('domainUndefineFlags', PROCEDURES.domainUndefineFlags, { dom, flags }),
    xmlDesc: async (dom: Domain, flags: number) =>
      (await call('domainGetXmlDesc', PROCEDURES.domainGetXmlDesc, { dom, flags })).xml,
    isPersistent: async (dom: Domain) =>
      (await call('domainIsPersistent', PROCEDURES.domainIsPersistent, { dom })).persistent === 1,
    state: (dom: Domain) => call('domainGetState', PROCEDURES.domainGetState, { dom, flags: 0 }),
  };
}

function powerCalls(call: Call) {
  return {
    create: async (dom: Domain, flags: number, timeoutMs?: number) =>
      (
        await call(
          'domainCreateWithFlags',
          PROCEDURES.domainCreateWithFlags,
          { dom, flags },
          timeoutMs,
        )
      ).dom,
    createXml: async (xml: string, flags: number, timeoutMs?: number) =>
      (await call('domainCreateXml', PROCEDURES.domainCreateXml, { xml, flags }, timeoutMs)).dom,
    shutdown: (dom: Domain, flags: number) =>
      call('domainShutdownFlags', PROCEDURES.domainShutdownFlags, { dom, flags }),
    destroy: (dom: Domain, flags: number) =>
      call('domainDestroyFlags', PROCEDURES.domainDestroyFlags, { dom, flags }),
    reset: (dom: Domain) => call('domainReset', PROCEDURES.domainReset, { dom, flags: 0 }),
    reboot: (dom: Domain, flags: number) =>
      call('domainReboot', PROCEDURES.domainReboot, { dom, flags }),
    suspend: (dom: Domain) => call('domainSuspend', PROCEDURES.domainSuspend, { dom }),
    resume: (dom: Domain) => call('domainResume', PROCEDURES.domainResume, { dom }),
    managedSave: (dom: Domain) =>
      call('domainManagedSave', PROCEDURES.domainManagedSave, { dom, flags: 0 }, SAVE_TIMEOUT_MS),
    hasManagedSave: async (dom: Domain) => {
      const procedure = PROCEDURES.domainHasManagedSaveImage;
      return (await call('domainHasManagedSaveImage', procedure, { dom, flags: 0 })).result === 1;
    },
    removeManagedSave: (dom: Domain) =>
      call('domainManagedSaveRemove', PROCEDURES.domainManagedSaveRemove, { dom, flags: 0 }),
  };
}

function deviceCalls(call: Call) {
  return {
    attachDevice: (dom: Domain, { xml, flags }: { xml: string; flags: number }) =>
      call('domainAttachDevice', PROCEDURES.domainAttachDeviceFlags, { dom, xml, flags }),
    detachDevice: (dom: Domain, { xml, flags }: { xml: string; flags: number }) =>
      call('domainDetachDevice', PROCEDURES.domainDetachDeviceFlags, { dom, xml, flags }),
    updateDevice: (dom: Domain, { xml, flags }: { xml: string; flags: number }) =>
      call('domainUpdateDevice', PROCEDURES.domainUpdateDeviceFlags, { dom, xml, flags }),
    blockInfo: (dom: Domain, path: string) =>
      call('domainGetBlockInfo', PROCEDURES.domainGetBlockInfo, { dom, path, flags: 0 }),
    blockResize: (dom: Domain, disk: string, size: bigint) =>
      call('domainBlockResize', PROCEDURES.domainBlockResize, { dom, disk, size, flags: 1 }),
    setVcpus: (dom: Domain, count: number, flags: number) =>
      call('domainSetVcpus', PROCEDURES.domainSetVcpusFlags, { dom, count, flags }),
    setMemory: (dom: Domain, memoryKib: bigint, flags: number) =>
      call('domainSetMemory', PROCEDURES.domainSetMemoryFlags, { dom, memoryKib, flags }),
  };
}

function guestCalls(call: Call) {
  const type = MetadataType.ELEMENT;
  return {
    async metadata(dom: Domain, uri: string, flags: number) {
      const args = { dom, type, uri, flags };
      return (await call('domainGetMetadata', PROCEDURES.domainGetMetadata, args)).metadata;
    },
    setMetadata(
      dom: Domain,
      change: { uri: string; prefix: string; xml: string | null; flags: number },
    ) {
      const { uri, prefix: key, xml: metadata, flags } = change;
      const args = { dom, type, metadata, key: metadata === null ? null : key, uri, flags };
      return call('domainSetMetadata', PROCEDURES.domainSetMetadata, args);
    },
    async agentCommand(dom: Domain, command: string, timeoutSeconds: number) {
      const args = { dom, command, timeoutSeconds, flags: 0 };
      const timeoutMs = timeoutSeconds * 1_000 + AGENT_CALL_MARGIN_MS;
      const answer = await call('agentCommand', PROCEDURES.qemuAgentCommand, args, timeoutMs);
      return answer.result ?? '';
    },
  };
}

/** The event in a message, or undefined for one that was not subscribed. */
function decodeEvent(procedure: number, body: Buffer): DomainEvent | undefined {
  switch (procedure) {
    case EVENTS.lifecycle.number: {
      const { dom, event, detail } = decodeXdr(EVENTS.lifecycle.body, body);
      return { kind: 'lifecycle', domain: dom, event, detail };
    }
    case EVENTS.reboot.number:
      return { kind: 'reboot', domain: decodeXdr(EVENTS.reboot.body, body).dom };
    case EVENTS.agentLifecycle.number: {
      const { dom, state, reason } = decodeXdr(EVENTS.agentLifecycle.body, body);
      return { kind: 'agent', domain: dom, state, reason };
    }
    case EVENTS.deviceRemoved.number: {
      const { dom, alias } = decodeXdr(EVENTS.deviceRemoved.body, body);
      return { kind: 'deviceRemoved', domain: dom, alias };
    }
    case EVENTS.deviceRemovalFailed.number: {
      const { dom, alias } = decodeXdr(EVENTS.deviceRemovalFailed.body, body);
      return { kind: 'deviceRemovalFailed', domain: dom, alias };
    }
    default:
      return undefined;
  }
}
