/**
 * One connection to a libvirt daemon, as callers see it: implemented by the socket client and by
 * the in-memory fake. Words are libvirt's own. Every method rejects with `LibvirtError`,
 * `LibvirtClosedError` or `LibvirtTimeoutError`; flags are those of `constants.ts`.
 */

/** A domain's identity; `id` is -1 while it does not run. Only `uuid` is used for look-up. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** `virNodeInfo`. */
export interface NodeInfo {
  readonly model: string;
  readonly memoryKib: bigint;
  readonly cpus: number;
  readonly mhz: number;
  readonly nodes: number;
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/** Memory of the whole node, from `virNodeGetMemoryStats`. */
export interface NodeMemory {
  readonly totalKib: bigint;
  readonly freeKib: bigint;
  readonly buffersKib: bigint;
  readonly cachedKib: bigint;
}

/** Versions as `major * 1,000,000 + minor * 1,000 + release`. */
export interface LibvirtVersions {
  readonly hypervisor: number;
  readonly library: number;
}

/** `virDomainGetState`: a `DomainState` and the reason that goes with it. */
export interface DomainStateInfo {
  readonly state: number;
  readonly reason: number;
}

/** Sizes of a disk: `capacityBytes` is what the guest sees. */
export interface BlockInfo {
  readonly allocationBytes: bigint;
  readonly capacityBytes: bigint;
  readonly physicalBytes: bigint;
}

/** One XML device or one definition, and the flags of the call. */
export interface DeviceChange {
  readonly xml: string;
  readonly flags: number;
}

/** One element of a domain's `<metadata>`; `xml` null removes it. */
export interface MetadataChange {
  readonly uri: string;
  readonly prefix: string;
  readonly xml: string | null;
  readonly flags: number;
}

/** Something that happened to a domain. */
export type DomainEvent =
  | { readonly kind: 'lifecycle'; readonly domain: Domain; event: number; detail: number }
  | { readonly kind: 'reboot'; readonly domain: Domain }
  | { readonly kind: 'agent'; readonly domain: Domain; state: number; reason: number }
  | { readonly kind: 'deviceRemoved'; readonly domain: Domain; readonly alias: string }
  | { readonly kind: 'deviceRemovalFailed'; readonly domain: Domain; readonly alias: string };

/** Takes a listener away again; calling it twice does no harm. */
export type Unsubscribe = () => void;

/** One open connection. Calls may be made without waiting for earlier ones. */
export interface LibvirtApi {
  versions(): Promise<LibvirtVersions>;
  hostname(): Promise<string>;
  nodeInfo(): Promise<NodeInfo>;
  nodeMemory(): Promise<NodeMemory>;
  capabilitiesXml(): Promise<string>;

  listAllDomains(): Promise<Domain[]>;
  lookupByUuid(uuid: string): Promise<Domain>;
  /** Makes or replaces the persistent definition; a running domain keeps its live one. */
  defineXml(xml: string): Promise<Domain>;
  undefine(domain: Domain, flags: number): Promise<void>;
  xmlDesc(domain: Domain, flags: number): Promise<string>;
  state(domain: Domain): Promise<DomainStateInfo>;
  /** Whether the domain has a definition that outlives its run. */
  isPersistent(domain: Domain): Promise<boolean>;

  create(domain: Domain, flags: number, timeoutMs?: number): Promise<Domain>;
  /** Starts a transient domain, which is forgotten when it stops. */
  createXml(xml: string, flags: number, timeoutMs?: number): Promise<Domain>;
  shutdown(domain: Domain, flags: number): Promise<void>;
  destroy(domain: Domain, flags: number): Promise<void>;
  reset(domain: Domain): Promise<void>;
  reboot(domain: Domain, flags: number): Promise<void>;
  suspend(domain: Domain): Promise<void>;
  resume(domain: Domain): Promise<void>;
  /** Saves the memory to a file of libvirt's and stops; the next `create` goes on from there. */
  managedSave(domain: Domain): Promise<void>;
  /** Whether there is saved memory. */
  hasManagedSave(domain: Domain): Promise<boolean>;
  /** Forgets the saved memory. */
  removeManagedSave(domain: Domain): Promise<void>;

  attachDevice(domain: Domain, change: DeviceChange): Promise<void>;
  /** A live detach ends with a `deviceRemoved` event, when the guest has let go. */
  detachDevice(domain: Domain, change: DeviceChange): Promise<void>;
  updateDevice(domain: Domain, change: DeviceChange): Promise<void>;
  /** The sizes of the disk `target` (such as `vda`). */
  blockInfo(domain: Domain, target: string): Promise<BlockInfo>;
  /** Grows the disk `target` of a running domain, its file included, and tells the guest. */
  blockResize(domain: Domain, target: string, sizeBytes: bigint): Promise<void>;
  setVcpus(domain: Domain, count: number, flags: number): Promise<void>;
  setMemory(domain: Domain, memoryKib: bigint, flags: number): Promise<void>;

  /** The metadata element with this namespace; NO_DOMAIN_METADATA when there is none. */
  metadata(domain: Domain, uri: string, flags: number): Promise<string>;
  setMetadata(domain: Domain, change: MetadataChange): Promise<void>;
  /** Sends one JSON command to the guest agent and gives its JSON answer. */
  agentCommand(domain: Domain, command: string, timeoutSeconds: number): Promise<string>;

  /** Calls `listener` for each event of any domain, in order. */
  onEvent(listener: (event: DomainEvent) => void): Unsubscribe;
  /** Calls `listener` once when the connection is gone, at once if it already is. */
  onClosed(listener: (reason: Error) => void): Unsubscribe;
  /** Closes the connection; pending calls reject. Idempotent. */
  close(): Promise<void>;
}

/** Opens a new connection to one daemon. */
export type LibvirtConnect = () => Promise<LibvirtApi>;

/** Time as a dependency, so that a simulated world can own it. */
export interface Timers {
  nowMs(): number;
  /** Calls back after `delayMs`; the result cancels. */
  after(delayMs: number, callback: () => void): Unsubscribe;
}
