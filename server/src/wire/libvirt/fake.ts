/**
 * An in-memory libvirtd: domains, events to every connection, typed errors, faults on demand.
 * `connect` gives the same `LibvirtApi` as the socket client; `test/conformance` runs the same
 * behaviours against both. Time and randomness are injected; nothing leaves the process.
 */
import type { DomainEvent, LibvirtApi, Timers } from './api.js';
import { DefinedDetail, LibvirtErrorCode, LibvirtErrorDomain, Lifecycle } from './constants.js';
import { LibvirtClosedError } from './errors.js';
import { createFakeConnection, type FakeMethod } from './fake-connection.js';
import { devicesOf, libvirtError, parseDefinition } from './fake-definition.js';
import { FakeDomain, type FakeGuestOptions, type FakeHost } from './fake-domain.js';
import { childOf, type XmlElement } from './xml.js';

/** How domains of type `kvm` start on a simulated node. */
export type FakeKvm = 'works' | 'fails' | 'hangs';

/** The disk files of a simulated node, by path. */
export interface FakeDisks {
  exists(path: string): boolean;
  sizeBytes(path: string): bigint;
  resize(path: string, sizeBytes: bigint): void;
}

/** What a simulated node is. */
export interface FakeLibvirtdOptions {
  readonly timers: Timers;
  readonly hostname?: string;
  readonly cpus?: number;
  readonly memoryKib?: bigint;
  readonly kvm?: FakeKvm;
  /** Makes the UUID of a definition that has none. */
  readonly newUuid?: () => string;
  /** The files of disks; without it, every file is there and empty at first. */
  readonly disks?: FakeDisks;
  readonly guest?: Partial<FakeGuestOptions>;
}

/** Whether a fault strikes before the call takes effect, or after it. */
export interface FaultOptions {
  readonly afterEffect?: boolean;
}

interface Fault {
  readonly error: Error;
  readonly afterEffect: boolean;
}

const GUEST_DEFAULTS: FakeGuestOptions = {
  agentBootMs: 2_000,
  shutdownMs: 300,
  unplugMs: 100,
  ignoresShutdown: () => false,
  addressesFor: () => [],
  onInterface: () => undefined,
  execute: () => ({ exitCode: 0, output: '' }),
};
const CPUS = 16;
const MEMORY_KIB = 67_108_864n;
const NO_UUID = '00000000-0000-4000-8000-000000000000';

/** One simulated daemon with its domains. */
export class FakeLibvirtd {
  /** Called before each call of any connection; an error it gives is the call's outcome. */
  intercept: ((method: FakeMethod) => Error | undefined) | undefined;
  readonly hostname: string;
  readonly cpus: number;
  readonly memoryKib: bigint;
  readonly timers: Timers;
  readonly kvm: FakeKvm;
  readonly disks: FakeDisks;
  private readonly domains = new Map<string, FakeDomain>();
  private readonly connections = new Set<(reason: Error) => void>();
  private readonly eventSinks = new Set<(event: DomainEvent) => void>();
  private readonly faults = new Map<string, Fault[]>();
  private readonly host: FakeHost;
  private ids = 0;
  private running = true;

  constructor(private readonly options: FakeLibvirtdOptions) {
    this.hostname = options.hostname ?? 'simulated';
    this.cpus = options.cpus ?? CPUS;
    this.memoryKib = options.memoryKib ?? MEMORY_KIB;
    this.kvm = options.kvm ?? 'fails';
    this.timers = options.timers;
    this.disks = options.disks ?? createFakeDisks();
    this.host = {
      timers: options.timers,
      guest: { ...GUEST_DEFAULTS, ...options.guest },
      emit: (event) => this.emit(event),
      nextId: () => {
        this.ids += 1;
        return this.ids;
      },
      forget: (domain) => this.domains.delete(domain.uuid),
      checkStart: (definition) => this.checkStart(definition),
    };
  }

  /** Opens a connection. Rejects while the daemon is down. */
  async connect(): Promise<LibvirtApi> {
    if (!this.running) throw new LibvirtClosedError('cannot connect to libvirtd: ENOENT');
    return createFakeConnection(this);
  }

  /** The next call of this method fails so, by itself or after it took effect. */
  failNext(method: FakeMethod, error: Error, options: FaultOptions = {}): void {
    const queue = this.faults.get(method) ?? [];
    queue.push({ error, afterEffect: options.afterEffect ?? false });
    this.faults.set(method, queue);
  }

  /** Drops every connection; domains and their guests stay, as with the real one. */
  restart(): void {
    this.stop();
    this.running = true;
  }

  /** Drops every connection and takes none until `restart`. */
  stop(): void {
    this.running = false;
    const reason = new LibvirtClosedError('libvirtd closed the connection');
    for (const close of [...this.connections]) close(reason);
  }

  /** A guest's process dies. */
  kill(uuid: string): void {
    this.find(uuid).kill();
  }

  /** A guest shuts itself down from inside. */
  powerOff(uuid: string): void {
    this.find(uuid).powerOff();
  }

  /** All domains. */
  all(): FakeDomain[] {
    return [...this.domains.values()];
  }

  /** The domain, or the error NO_DOMAIN in libvirt's words. */
  find(uuid: string, name?: string): FakeDomain {
    const domain = this.domains.get(uuid);
    if (domain !== undefined) return domain;
    const suffix = name === undefined ? '' : ` (${name})`;
    throw libvirtError(
      LibvirtErrorCode.NO_DOMAIN,
      `Domain not found: no domain with matching uuid '${uuid}'${suffix}`,
      LibvirtErrorDomain.QEMU,
    );
  }

  /** Makes or replaces a persistent definition. */
  define(text: string): FakeDomain {
    const definition = this.parse(text);
    const domain = this.domainFor(definition);
    const updated = domain.persistent !== undefined || domain.live !== undefined;
    domain.persistent = definition;
    const detail = updated ? DefinedDetail.UPDATED : DefinedDetail.ADDED;
    domain.emitLifecycle(Lifecycle.DEFINED, detail);
    return domain;
  }

  /** Makes a domain that runs without a persistent definition; gives it before it is started. */
  transient(text: string): { domain: FakeDomain; definition: XmlElement } {
    const definition = this.parse(text);
    const domain = this.domainFor(definition);
    if (domain.live !== undefined) {
      const message = `Requested operation is not valid: domain '${domain.name}' is already active`;
      throw libvirtError(LibvirtErrorCode.OPERATION_INVALID, message);
    }
    return { domain, definition };
  }

  /** Forgets a domain. */
  forget(domain: FakeDomain): void {
    this.domains.delete(domain.uuid);
  }

  /** The fault that is due for a call of this method, taken out of the queue. */
  takeFault(method: FakeMethod): Fault | undefined {
    const error = this.intercept?.(method);
    if (error !== undefined) return { error, afterEffect: false };
    return this.faults.get(method)?.shift();
  }

  /** Makes an open connection known; gives the way to make it unknown. */
  register(close: (reason: Error) => void, sink: (event: DomainEvent) => void): () => void {
    this.connections.add(close);
    this.eventSinks.add(sink);
    return () => {
      this.connections.delete(close);
      this.eventSinks.delete(sink);
    };
  }

  private emit(event: DomainEvent): void {
    for (const sink of [...this.eventSinks]) queueMicrotask(() => sink(event));
  }

  private parse(text: string): XmlElement {
    return parseDefinition(text, this.options.newUuid ?? (() => NO_UUID));
  }

  private domainFor(definition: XmlElement): FakeDomain {
    const name = childOf(definition, 'name')?.text ?? '';
    const uuid = childOf(definition, 'uuid')?.text ?? '';
    const known = this.domains.get(uuid);
    if (known !== undefined && known.name !== name) {
      throw exists(`domain '${known.name}' is already defined with uuid ${uuid}`);
    }
    if (known !== undefined) return known;
    const namesake = this.all().find((domain) => domain.name === name);
    if (namesake !== undefined) {
      throw exists(`domain '${name}' already exists with uuid ${namesake.uuid}`);
    }
    const domain = new FakeDomain(name, uuid, this.host);
    this.domains.set(uuid, domain);
    return domain;
  }

  private checkStart(definition: XmlElement): void {
    if (definition.attributes['type'] === 'kvm' && this.kvm === 'fails') {
      const text = 'internal error: process exited while connecting to monitor: no KVM here';
      throw libvirtError(LibvirtErrorCode.INTERNAL_ERROR, text, LibvirtErrorDomain.QEMU);
    }
    for (const device of devicesOf(definition)) {
      const path = childOf(device, 'source')?.attributes['file'];
      if (path === undefined || this.disks.exists(path)) continue;
      const text = `Cannot access storage file '${path}': No such file or directory`;
      throw libvirtError(LibvirtErrorCode.SYSTEM_ERROR, text);
    }
  }
}

function createFakeDisks(): FakeDisks {
  const sizes = new Map<string, bigint>();
  return {
    exists: () => true,
    sizeBytes: (path) => sizes.get(path) ?? 0n,
    resize: (path, sizeBytes) => void sizes.set(path, sizeBytes),
  };
}

function exists(message: string): Error {
  return libvirtError(LibvirtErrorCode.OPERATION_FAILED, `operation failed: ${message}`);
}
