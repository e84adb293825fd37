/**
 * One domain of a simulated libvirtd: its two definitions, its state and its simulated guest,
 * which boots, brings its agent up, obeys or ignores a shutdown, and dies when told to.
 * Events, reasons and errors are those that the real daemon was seen to give.
 */
import type { Domain, DomainEvent, Timers, Unsubscribe } from './api.js';
import {
  Affect,
  AgentReason,
  AgentState,
  DomainState,
  LibvirtErrorCode,
  LibvirtErrorDomain,
  Lifecycle,
  PausedReason,
  RunningReason,
  ShutdownDetail,
  ShutoffReason,
  StoppedDetail,
} from './constants.js';
import { createFakeAgent, type FakeAgent, type FakeExecution } from './fake-agent.js';
import {
  addDevice,
  aliasOf,
  devicesOf,
  findDevice,
  freePorts,
  interfaceIdOf,
  invalidOperation,
  libvirtError,
  liveDefinition,
  liveDevice,
  missingDevice,
  parseDevice,
  removeDevice,
  replaceDevice,
  withAgentState,
} from './fake-definition.js';
import { childOf, descendant, type XmlElement } from './xml.js';

/** What the simulated guests do; every hook belongs to the simulated world around them. */
export interface FakeGuestOptions {
  /** From start until the agent answers. */
  readonly agentBootMs: number;
  /** From a shutdown request until the guest is off. */
  readonly shutdownMs: number;
  /** From a live detach until the guest has let go. */
  readonly unplugMs: number;
  readonly ignoresShutdown: (domain: Domain) => boolean;
  /** Addresses that the guest's DHCP client got for an interface. */
  readonly addressesFor: (nic: { interfaceId: string; mac: string }) => readonly string[];
  /** Told when an interface appears in or goes from a running domain. */
  readonly onInterface: (interfaceId: string, plugged: boolean) => void;
  /** What a program run through the agent ends with. */
  readonly execute: (domain: Domain, path: string, args: readonly string[]) => FakeExecution;
}

/** What a domain needs of its daemon. */
export interface FakeHost {
  readonly timers: Timers;
  readonly guest: FakeGuestOptions;
  emit(event: DomainEvent): void;
  nextId(): number;
  /** Called when nothing of a domain is left. */
  forget(domain: FakeDomain): void;
  /** Throws when a domain of this definition cannot be started. */
  checkStart(definition: XmlElement): void;
}

interface Guest {
  readonly agent: FakeAgent;
  readonly waits: Set<Unsubscribe>;
  connected: boolean;
}

/** Firmware that finds nothing to boot from, and may reset, is through with it after this long. */
const FIRMWARE_MS = 50;

/** The detail of `Lifecycle.STARTED` and `RESUMED` when saved memory was read. */
const RESTORED = 2;

const NOT_RUNNING = 'domain is not running';

/** A domain, persistent or transient, running or not. */
export class FakeDomain {
  persistent: XmlElement | undefined;
  live: XmlElement | undefined;
  state: number = DomainState.SHUTOFF;
  reason: number = ShutoffReason.UNKNOWN;
  /** Whether there is memory from which the next start goes on. */
  isSaved = false;
  private id = -1;
  private deviceIndex = 0;
  private guest: Guest | undefined;

  constructor(
    readonly name: string,
    readonly uuid: string,
    private readonly host: FakeHost,
  ) {}

  /** Its identity as the wire gives it. */
  ref(): Domain {
    return { name: this.name, uuid: this.uuid, id: this.id };
  }

  /** Starts `definition`, or the persistent one. */
  start(paused: boolean, definition = this.persistent): void {
    if (this.live !== undefined) throw invalidOperation('domain is already running');
    if (definition === undefined) throw invalidOperation('domain has no definition');
    try {
      this.host.checkStart(definition);
    } catch (error) {
      this.reason = ShutoffReason.FAILED;
      throw error;
    }
    this.id = this.host.nextId();
    this.live = liveDefinition(definition, this.id);
    this.deviceIndex = devicesOf(this.live).length;
    this.state = paused ? DomainState.PAUSED : DomainState.RUNNING;
    const running = this.isSaved ? RunningReason.RESTORED : RunningReason.BOOTED;
    this.reason = paused ? PausedReason.USER : running;
    this.emitAgent(AgentState.DISCONNECTED, AgentReason.DOMAIN_STARTED);
    if (this.isSaved) {
      this.isSaved = false;
      this.emitLifecycle(Lifecycle.STARTED, RESTORED);
      if (!paused) this.emitLifecycle(Lifecycle.RESUMED, RESTORED);
    } else {
      if (!paused) this.emitLifecycle(Lifecycle.RESUMED, 0);
      this.emitLifecycle(Lifecycle.STARTED, 0);
    }
    if (paused) this.emitLifecycle(Lifecycle.SUSPENDED, 0);
    for (const device of devicesOf(this.live)) this.plug(device, true);
    this.boot();
  }

  /** Leaves the domain in the state of a start that never ends. */
  startAndHang(definition: XmlElement): void {
    this.id = this.host.nextId();
    this.live = liveDefinition(definition, this.id);
    this.state = DomainState.PAUSED;
    this.reason = PausedReason.STARTING_UP;
  }

  /** Forced off. */
  destroy(): void {
    this.requireActive();
    this.emitLifecycle(Lifecycle.SHUTDOWN, ShutdownDetail.HOST);
    this.stop({ reason: ShutoffReason.DESTROYED, detail: StoppedDetail.DESTROYED });
  }

  /** Its memory goes to a file, and it stops. */
  save(): void {
    this.requireActive();
    this.isSaved = true;
    if (this.state !== DomainState.PAUSED) this.emitLifecycle(Lifecycle.SUSPENDED, 0);
    this.stop({ reason: ShutoffReason.SAVED, detail: StoppedDetail.SAVED });
  }

  /** Removes the file; without one, the daemon says so. */
  forgetSaved(): void {
    if (!this.isSaved) {
      const text = 'Failed to remove managed save file: No such file or directory';
      throw libvirtError(LibvirtErrorCode.SYSTEM_ERROR, text);
    }
    this.isSaved = false;
  }

  /** The guest's process dies. */
  kill(): void {
    this.requireActive();
    this.stop({ reason: ShutoffReason.CRASHED, detail: StoppedDetail.FAILED });
  }

  /** The guest shuts itself down. */
  powerOff(): void {
    this.requireActive();
    this.emitLifecycle(Lifecycle.SHUTDOWN, ShutdownDetail.GUEST);
    this.stop({ reason: ShutoffReason.SHUTDOWN, detail: StoppedDetail.SHUTDOWN });
  }

  /** Asks the guest to shut down, which it may ignore. */
  shutdown(): void {
    this.requireRunning();
    if (this.host.guest.ignoresShutdown(this.ref())) return;
    this.later(this.host.guest.shutdownMs, () => {
      if (this.state === DomainState.RUNNING) this.powerOff();
    });
  }

  /** Restarts the guest in the same domain. */
  reboot(): void {
    this.requireActive();
    this.disconnectAgent();
    this.host.emit({ kind: 'reboot', domain: this.ref() });
    this.boot();
  }

  suspend(): void {
    this.requireActive();
    if (this.state === DomainState.PAUSED) return;
    this.state = DomainState.PAUSED;
    this.reason = PausedReason.USER;
    this.emitLifecycle(Lifecycle.SUSPENDED, 0);
  }

  resume(): void {
    this.requireActive();
    if (this.state === DomainState.RUNNING) throw invalidOperation('domain is already running');
    this.state = DomainState.RUNNING;
    this.reason = RunningReason.UNPAUSED;
    this.emitLifecycle(Lifecycle.RESUMED, 0);
    if (this.guest !== undefined && !this.guest.connected) this.boot();
  }

  attach(text: string, flags: number): void {
    const device = parseDevice(text);
    const { live, config } = this.affected(flags);
    const nextLive = live === undefined ? undefined : this.withLiveDevice(live, device);
    if (config !== undefined) this.persistent = addDevice(config, device);
    if (nextLive === undefined) return;
    this.live = nextLive;
    this.plug(device, true);
  }

  detach(text: string, flags: number): void {
    const device = parseDevice(text);
    const { live, config } = this.affected(flags);
    const found = live === undefined ? undefined : findDevice(live, device);
    if (live !== undefined && found === undefined) throw missingDevice(device);
    if (config !== undefined) this.persistent = removeDevice(config, device);
    if (found === undefined || !this.guest?.connected) return;
    this.later(this.host.guest.unplugMs, () => this.letGo(found));
  }

  update(text: string, flags: number): void {
    const device = parseDevice(text);
    const { live, config } = this.affected(flags);
    if (config !== undefined) this.persistent = replaceDevice(config, device);
    if (live !== undefined) {
      this.live = replaceDevice(live, liveDevice(device, this.id, this.deviceIndex++));
    }
  }

  /** Applies a pure change to the definitions that the flags mean. */
  change(flags: number, edit: (definition: XmlElement) => XmlElement): void {
    const { live, config } = this.affected(flags);
    if (live !== undefined) this.live = edit(live);
    if (config !== undefined) this.persistent = edit(config);
  }

  /** The answer of the guest agent. */
  agentCommand(command: string): string {
    this.requireRunning();
    if (!this.hasAgentChannel()) {
      const text = 'argument unsupported: QEMU guest agent is not configured';
      throw libvirtError(LibvirtErrorCode.ARGUMENT_UNSUPPORTED, text, LibvirtErrorDomain.QEMU);
    }
    if (!this.guest?.connected) {
      const text = 'Guest agent is not responding: QEMU guest agent is not connected';
      throw libvirtError(LibvirtErrorCode.AGENT_UNRESPONSIVE, text, LibvirtErrorDomain.QEMU);
    }
    return this.guest.agent.answer(command);
  }

  /** Throws unless it runs or is paused. */
  requireActive(): void {
    if (this.live === undefined) throw invalidOperation(NOT_RUNNING);
  }

  emitLifecycle(event: number, detail: number): void {
    this.host.emit({ kind: 'lifecycle', domain: this.ref(), event, detail });
  }

  private requireRunning(): void {
    if (this.state !== DomainState.RUNNING) throw invalidOperation(NOT_RUNNING);
  }

  /** The definitions that flags mean; CURRENT is the live one while it runs. */
  private affected(flags: number): { live?: XmlElement; config?: XmlElement } {
    const wantsLive = (flags & Affect.LIVE) !== 0;
    const wantsConfig = (flags & Affect.CONFIG) !== 0;
    const current = !wantsLive && !wantsConfig;
    if (wantsLive) this.requireActive();
    if (wantsConfig && this.persistent === undefined) {
      throw invalidOperation('transient domains do not have any persistent config');
    }
    const useLive = wantsLive || (current && this.live !== undefined);
    const useConfig = wantsConfig || (current && this.live === undefined);
    return {
      ...(useLive && this.live !== undefined ? { live: this.live } : {}),
      ...(useConfig && this.persistent !== undefined ? { config: this.persistent } : {}),
    };
  }

  private withLiveDevice(live: XmlElement, device: XmlElement): XmlElement {
    this.deviceIndex += 1;
    const next = addDevice(live, liveDevice(device, this.id, this.deviceIndex));
    if (freePorts(next) < 0) {
      const text = 'internal error: No more available PCI slots';
      throw libvirtError(LibvirtErrorCode.INTERNAL_ERROR, text);
    }
    this.host.checkStart(next);
    return next;
  }

  private letGo(device: XmlElement): void {
    if (this.live === undefined || findDevice(this.live, device) === undefined) return;
    this.live = removeDevice(this.live, device);
    this.plug(device, false);
    this.host.emit({ kind: 'deviceRemoved', domain: this.ref(), alias: aliasOf(device) ?? '' });
  }

  private stop(how: { reason: number; detail: number }): void {
    const devices = devicesOf(this.live);
    for (const cancel of this.guest?.waits ?? []) cancel();
    this.guest = undefined;
    this.live = undefined;
    this.state = DomainState.SHUTOFF;
    this.reason = how.reason;
    this.id = -1;
    for (const device of devices) this.plug(device, false);
    this.emitLifecycle(Lifecycle.STOPPED, how.detail);
    if (this.persistent === undefined) this.host.forget(this);
  }

  private boot(): void {
    for (const cancel of this.guest?.waits ?? []) cancel();
    const agent = createFakeAgent({
      hostname: () => this.hostname(),
      nics: () => this.guestNics(),
      nowMs: () => this.host.timers.nowMs(),
      execute: (path, args) => this.host.guest.execute(this.ref(), path, args),
    });
    const guest: Guest = { agent, waits: new Set(), connected: false };
    this.guest = guest;
    if (descendant(this.live, 'os', 'bios')?.attributes['rebootTimeout'] !== undefined) {
      this.later(FIRMWARE_MS, () => this.powerOff());
    }
    this.later(this.host.guest.agentBootMs, () => {
      if (this.state !== DomainState.RUNNING || !this.hasAgentChannel()) return;
      guest.connected = true;
      this.emitAgent(AgentState.CONNECTED, AgentReason.CHANNEL);
    });
  }

  private disconnectAgent(): void {
    if (!this.guest?.connected) return;
    this.guest.connected = false;
    this.emitAgent(AgentState.DISCONNECTED, AgentReason.CHANNEL);
  }

  /** A wait that ends with the guest. */
  private later(delayMs: number, callback: () => void): void {
    const waits = this.guest?.waits;
    const cancel = this.host.timers.after(delayMs, () => {
      waits?.delete(cancel);
      callback();
    });
    waits?.add(cancel);
  }

  private plug(device: XmlElement, plugged: boolean): void {
    const interfaceId = interfaceIdOf(device);
    if (interfaceId !== undefined) this.host.guest.onInterface(interfaceId, plugged);
  }

  /** A simulated guest calls itself by the last part of its domain's title, or by its name. */
  private hostname(): string {
    const title = childOf(this.live ?? this.persistent, 'title')?.text;
    return title?.split('/').at(-1) ?? this.name;
  }

  private guestNics() {
    const cards = devicesOf(this.live);
    return cards
      .filter((device) => device.name === 'interface')
      .map((device) => {
        const mac = childOf(device, 'mac')?.attributes['address'] ?? '';
        const interfaceId = interfaceIdOf(device) ?? '';
        return { mac, addresses: this.host.guest.addressesFor({ interfaceId, mac }) };
      });
  }

  private hasAgentChannel(): boolean {
    return devicesOf(this.live).some(
      (device) => childOf(device, 'target')?.attributes['name'] === 'org.qemu.guest_agent.0',
    );
  }

  private emitAgent(state: number, reason: number): void {
    if (this.live === undefined || !this.hasAgentChannel()) return;
    this.live = withAgentState(this.live, state === AgentState.CONNECTED);
    this.host.emit({ kind: 'agent', domain: this.ref(), state, reason });
  }
}
