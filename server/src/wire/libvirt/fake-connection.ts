/**
 * One connection to a simulated libvirtd: `LibvirtApi` over its domains. Every call passes the
 * faults first, answers asynchronously, and fails once the connection is closed.
 */
import type { Domain, DomainEvent, LibvirtApi } from './api.js';
import {
  CreateFlag,
  LibvirtErrorCode,
  LibvirtErrorDomain,
  Lifecycle,
  MAXIMUM_FLAG,
  XmlFlag,
} from './constants.js';
import { LibvirtClosedError, LibvirtTimeoutError } from './errors.js';
import type { FakeLibvirtd } from './fake.js';
import { devicesOf, invalidOperation, libvirtError } from './fake-definition.js';
import type { FakeDomain } from './fake-domain.js';
import { CALL_TIMEOUT_MS } from './rpc.js';
import type { XmlElement } from './xml.js';
import { childOf, formatXml, parseXml, withAttributes, withChildren, xml } from './xml.js';

/** The methods that can be made to fail. */
export type FakeMethod = Exclude<keyof LibvirtApi, 'onEvent' | 'onClosed' | 'close'>;

const HYPERVISOR_VERSION = 7_002_022;
const LIBRARY_VERSION = 9_000_000;
const MHZ = 2_400;

/** Runs an effect as one call of `method`. */
type Run = <T>(method: FakeMethod, effect: () => T | Promise<T>) => Promise<T>;

/** Opens a connection to `daemon`. */
export function createFakeConnection(daemon: FakeLibvirtd): LibvirtApi {
  const listeners = new Set<(event: DomainEvent) => void>();
  const closedListeners = new Set<(reason: Error) => void>();
  let closedReason: Error | undefined;
  const close = (reason: Error) => {
    if (closedReason !== undefined) return;
    closedReason = reason;
    unregister();
    for (const listener of closedListeners) listener(reason);
    closedListeners.clear();
  };
  const unregister = daemon.register(close, (event) => {
    if (closedReason === undefined) for (const listener of [...listeners]) listener(event);
  });
  const run: Run = async (method, effect) => {
    if (closedReason !== undefined) throw closedReason;
    await Promise.resolve();
    const fault = daemon.takeFault(method);
    if (fault !== undefined && !fault.afterEffect) throw fault.error;
    const result = await effect();
    if (closedReason !== undefined) throw closedReason;
    if (fault !== undefined) throw fault.error;
    return result;
  };
  return {
    ...nodeCalls(daemon, run),
    ...definitionCalls(daemon, run),
    ...powerCalls(daemon, run),
    ...deviceCalls(daemon, run),
    ...guestCalls(daemon, run),
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onClosed(listener) {
      if (closedReason !== undefined) listener(closedReason);
      else closedListeners.add(listener);
      return () => closedListeners.delete(listener);
    },
    async close() {
      close(new LibvirtClosedError('the connection was closed here'));
    },
  };
}

function nodeCalls(daemon: FakeLibvirtd, run: Run) {
  return {
    versions: () =>
      run('versions', () => ({ hypervisor: HYPERVISOR_VERSION, library: LIBRARY_VERSION })),
    hostname: () => run('hostname', () => daemon.hostname),
    nodeInfo: () =>
      run('nodeInfo', () => ({
        model: 'x86_64',
        memoryKib: daemon.memoryKib,
        cpus: daemon.cpus,
        mhz: MHZ,
        nodes: 1,
        sockets: 1,
        cores: daemon.cpus,
        threads: 1,
      })),
    nodeMemory: () =>
      run('nodeMemory', () => ({
        totalKib: daemon.memoryKib,
        freeKib: daemon.memoryKib / 2n,
        buffersKib: 0n,
        cachedKib: 0n,
      })),
    capabilitiesXml: () =>
      run('capabilitiesXml', () => {
        const cpu = xml('cpu', {}, xml('arch', {}, 'x86_64'), xml('model', {}, 'simulated'));
        return formatXml(xml('capabilities', {}, xml('host', {}, cpu)));
      }),
    listAllDomains: () => run('listAllDomains', () => daemon.all().map((each) => each.ref())),
    lookupByUuid: (uuid: string) => run('lookupByUuid', () => daemon.find(uuid).ref()),
  };
}

function definitionCalls(daemon: FakeLibvirtd, run: Run) {
  return {
    defineXml: (text: string) => run('defineXml', () => daemon.define(text).ref()),
    undefine: (ref: Domain, _flags: number) =>
      run('undefine', () => {
        const domain = daemon.find(ref.uuid, ref.name);
        if (domain.persistent === undefined) {
          throw invalidOperation('cannot undefine transient domain');
        }
        domain.persistent = undefined;
        domain.emitLifecycle(Lifecycle.UNDEFINED, 0);
        if (domain.live === undefined) daemon.forget(domain);
      }),
    xmlDesc: (ref: Domain, flags: number) =>
      run('xmlDesc', () => {
        const domain = daemon.find(ref.uuid, ref.name);
        const inactive = (flags & XmlFlag.INACTIVE) !== 0;
        const definition = inactive
          ? (domain.persistent ?? domain.live)
          : (domain.live ?? domain.persistent);
        if (definition === undefined) throw invalidOperation('domain has no definition');
        const secure = (flags & XmlFlag.SECURE) !== 0;
        return secure ? textOf(definition) : formatXml(withoutPasswords(definition));
      }),
    isPersistent: (ref: Domain) =>
      run('isPersistent', () => daemon.find(ref.uuid, ref.name).persistent !== undefined),
    state: (ref: Domain) =>
      run('state', () => {
        const { state, reason } = daemon.find(ref.uuid, ref.name);
        return { state, reason };
      }),
  };
}

function powerCalls(daemon: FakeLibvirtd, run: Run) {
  const act = (method: FakeMethod, ref: Domain, effect: (domain: FakeDomain) => void) =>
    run(method, () => effect(daemon.find(ref.uuid, ref.name)));
  const hangs = (definition: XmlElement | undefined) =>
    daemon.kvm === 'hangs' && definition?.attributes['type'] === 'kvm';
  return {
    create: (ref: Domain, flags: number, timeoutMs = CALL_TIMEOUT_MS) =>
      run('create', async () => {
        const domain = daemon.find(ref.uuid, ref.name);
        if (domain.persistent !== undefined && hangs(domain.persistent)) {
          domain.startAndHang(domain.persistent);
          return await never(daemon, 'domainCreateWithFlags', timeoutMs);
        }
        domain.start((flags & CreateFlag.PAUSED) !== 0);
        return domain.ref();
      }),
    createXml: (text: string, flags: number, timeoutMs = CALL_TIMEOUT_MS) =>
      run('createXml', async () => {
        const { domain, definition } = daemon.transient(text);
        if (hangs(definition)) {
          domain.startAndHang(definition);
          return await never(daemon, 'domainCreateXml', timeoutMs);
        }
        try {
          domain.start((flags & CreateFlag.PAUSED) !== 0, definition);
        } catch (error) {
          if (domain.persistent === undefined) daemon.forget(domain);
          throw error;
        }
        return domain.ref();
      }),
    shutdown: (ref: Domain, _flags: number) => act('shutdown', ref, (each) => each.shutdown()),
    destroy: (ref: Domain, _flags: number) => act('destroy', ref, (each) => each.destroy()),
    reset: (ref: Domain) => act('reset', ref, (each) => each.reboot()),
    reboot: (ref: Domain, _flags: number) => act('reboot', ref, (each) => each.reboot()),
    suspend: (ref: Domain) => act('suspend', ref, (each) => each.suspend()),
    resume: (ref: Domain) => act('resume', ref, (each) => each.resume()),
    managedSave: (ref: Domain) => act('managedSave', ref, (each) => each.save()),
    hasManagedSave: (ref: Domain) =>
      run('hasManagedSave', () => daemon.find(ref.uuid, ref.name).isSaved),
    removeManagedSave: (ref: Domain) => act('removeManagedSave', ref, (each) => each.forgetSaved()),
  };
}

function deviceCalls(daemon: FakeLibvirtd, run: Run) {
  const act = (method: FakeMethod, ref: Domain, effect: (domain: FakeDomain) => void) =>
    run(method, () => effect(daemon.find(ref.uuid, ref.name)));
  type Change = { readonly xml: string; readonly flags: number };
  return {
    attachDevice: (ref: Domain, change: Change) =>
      act('attachDevice', ref, (each) => each.attach(change.xml, change.flags)),
    detachDevice: (ref: Domain, change: Change) =>
      act('detachDevice', ref, (each) => each.detach(change.xml, change.flags)),
    updateDevice: (ref: Domain, change: Change) =>
      act('updateDevice', ref, (each) => each.update(change.xml, change.flags)),
    blockInfo: (ref: Domain, target: string) =>
      run('blockInfo', () => {
        const domain = daemon.find(ref.uuid, ref.name);
        const path = diskPath(domain.live ?? domain.persistent, target);
        const capacityBytes = daemon.disks.sizeBytes(path);
        return { capacityBytes, allocationBytes: capacityBytes, physicalBytes: capacityBytes };
      }),
    blockResize: (ref: Domain, target: string, sizeBytes: bigint) =>
      act('blockResize', ref, (domain) => {
        domain.requireActive();
        daemon.disks.resize(diskPath(domain.live, target), sizeBytes);
      }),
    setVcpus: (ref: Domain, count: number, flags: number) =>
      act('setVcpus', ref, (domain) =>
        domain.change(flags, (definition) => withVcpus(definition, count, flags)),
      ),
    setMemory: (ref: Domain, memoryKib: bigint, flags: number) =>
      act('setMemory', ref, (domain) =>
        domain.change(flags, (definition) => withMemory(definition, memoryKib, flags)),
      ),
  };
}

function guestCalls(daemon: FakeLibvirtd, run: Run) {
  return {
    metadata: (ref: Domain, uri: string, flags: number) =>
      run('metadata', () => {
        const domain = daemon.find(ref.uuid, ref.name);
        const config = (flags & 2) !== 0 || domain.live === undefined;
        const definition = config ? domain.persistent : domain.live;
        const element = metadataElements(definition).find((each) => hasNamespace(each, uri));
        if (element === undefined) {
          const text = 'metadata not found: Requested metadata element is not present';
          throw libvirtError(LibvirtErrorCode.NO_DOMAIN_METADATA, text);
        }
        return formatXml(withoutNamespace(element));
      }),
    setMetadata: (
      ref: Domain,
      change: { uri: string; prefix: string; xml: string | null; flags: number },
    ) =>
      run('setMetadata', () => {
        const domain = daemon.find(ref.uuid, ref.name);
        domain.change(change.flags, (definition) => withMetadata(definition, change));
      }),
    agentCommand: (ref: Domain, command: string, _timeoutSeconds: number) =>
      run('agentCommand', () => daemon.find(ref.uuid, ref.name).agentCommand(command)),
  };
}

function diskPath(definition: XmlElement | undefined, target: string): string {
  const disk = devicesOf(definition).find(
    (device) => childOf(device, 'target')?.attributes['dev'] === target,
  );
  if (disk === undefined) {
    throw invalidArgument(`disk '${target}' was not found in the domain config`);
  }
  return childOf(disk, 'source')?.attributes['file'] ?? '';
}

/** A call that the daemon never answers. */
function never(daemon: FakeLibvirtd, procedure: string, timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    daemon.timers.after(timeoutMs, () => reject(new LibvirtTimeoutError(procedure, timeoutMs)));
  });
}

function metadataElements(definition: XmlElement | undefined): readonly XmlElement[] {
  return childOf(definition, 'metadata')?.children ?? [];
}

function hasNamespace(element: XmlElement, uri: string): boolean {
  return Object.entries(element.attributes).some(
    ([name, value]) => name.startsWith('xmlns') && value === uri,
  );
}

/** libvirt gives a metadata element without its prefix and namespace. */
function withoutNamespace(element: XmlElement): XmlElement {
  const attributes = Object.entries(element.attributes);
  return {
    ...element,
    name: element.name.replace(/^.*:/, ''),
    attributes: Object.fromEntries(attributes.filter(([name]) => !name.startsWith('xmlns'))),
    children: element.children.map(withoutNamespace),
  };
}

function withMetadata(
  definition: XmlElement,
  change: { uri: string; prefix: string; xml: string | null },
): XmlElement {
  const kept = metadataElements(definition).filter((each) => !hasNamespace(each, change.uri));
  const added: XmlElement[] = [];
  if (change.xml !== null) {
    const element = parseXml(change.xml);
    const name = `${change.prefix}:${element.name}`;
    const namespace = { [`xmlns:${change.prefix}`]: change.uri };
    added.push({ ...element, name, attributes: { ...namespace, ...element.attributes } });
  }
  const others = definition.children.filter((child) => child.name !== 'metadata');
  return withChildren(definition, [...others, xml('metadata', {}, ...kept, ...added)]);
}

function withVcpus(definition: XmlElement, count: number, flags: number): XmlElement {
  const vcpu = childOf(definition, 'vcpu') ?? xml('vcpu', {}, '1');
  const max = Number(vcpu.text);
  if ((flags & MAXIMUM_FLAG) !== 0) return replaceChild(definition, { ...vcpu, text: `${count}` });
  if (count > max) {
    throw invalidArgument(
      'requested vcpus is greater than max allowable vcpus for the live domain: ' +
        `${count} > ${max}`,
    );
  }
  return replaceChild(definition, withAttributes(vcpu, { current: count }));
}

function withMemory(definition: XmlElement, memoryKib: bigint, flags: number): XmlElement {
  const name = (flags & MAXIMUM_FLAG) !== 0 ? 'memory' : 'currentMemory';
  const max = BigInt(childOf(definition, 'memory')?.text ?? '0');
  if (name === 'currentMemory' && memoryKib > max) {
    throw invalidArgument('cannot set memory higher than max memory');
  }
  return replaceChild(definition, xml(name, { unit: 'KiB' }, String(memoryKib)));
}

function replaceChild(definition: XmlElement, child: XmlElement): XmlElement {
  const others = definition.children.filter((each) => each.name !== child.name);
  return withChildren(definition, [...others, child]);
}

/** Definitions are never changed in place, so the text of each is made once. */
const texts = new WeakMap<XmlElement, string>();

function textOf(definition: XmlElement): string {
  const known = texts.get(definition);
  if (known !== undefined) return known;
  const text = formatXml(definition);
  texts.set(definition, text);
  return text;
}

function withoutPasswords(element: XmlElement): XmlElement {
  return withAttributes(withChildren(element, element.children.map(withoutPasswords)), {
    passwd: undefined,
  });
}

function invalidArgument(message: string): Error {
  const text = `invalid argument: ${message}`;
  return libvirtError(LibvirtErrorCode.INVALID_ARG, text, LibvirtErrorDomain.QEMU);
}
