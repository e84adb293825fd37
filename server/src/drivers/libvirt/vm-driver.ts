/**
 * The driver for `vm` on a node: a virtual machine as a libvirt domain. The domain's UUID is the
 * machine's id, and its metadata says so, so that it is found again whatever happened in between.
 * Choices are in `wanted.ts` and `difference.ts`; here is what reads and changes the world.
 */
import type { VirtualMachine, VirtualMachineStatus } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineStatusSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { BackendObject } from '../../decide/backend-object.js';
import type { Clock } from '../../reconcile/clock.js';
import type {
  Difference,
  Driver,
  Lookup,
  Poke,
  Removal,
  SupportsInventory,
  SupportsStrayRemoval,
} from '../../reconcile/driver.js';
import { patched } from '../../resource/patched.js';
import type { DomainEvent, LibvirtConnect } from '../../wire/libvirt/api.js';
import { AgentState, Lifecycle } from '../../wire/libvirt/constants.js';
import { probeAccelerator } from './accelerator.js';
import { decideVm, pendingPaths } from './difference.js';
import { domainNameOf } from './domain-xml.js';
import { Domains } from './domains.js';
import { GuestWatch } from './guest-watch.js';
import { explain } from './libvirt-error.js';
import { readNodeFacts } from './node-facts.js';
import { CONSOLE_LOG, type NodeFiles } from './node-files.js';
import type { ObservedVm, VmAction } from './observed.js';
import type { Accelerator } from './plan.js';
import { decideStop, isStartingUp } from './power.js';
import { powerOrders } from './power-orders.js';
import { LibvirtSession } from './session.js';
import { powerStateOf, reportStatus } from './status.js';
import { type VolumeFile, type Wanted, wantedPlan } from './wanted.js';

/** A machine that is removed gets this long to shut down. */
export const REMOVAL_PATIENCE_MS = 10_000;

/** What the driver works with. */
export interface VmDriverOptions {
  readonly connect: LibvirtConnect;
  readonly clock: Clock;
  readonly poke: Poke;
  readonly files: NodeFiles;
  /** A volume's content on this node; undefined while it can't be used. */
  readonly volumeFile: VolumeFile;
  /** Whether the datapath fills in checksums that guests leave out; the userspace one does not. */
  readonly checksumOffload: () => boolean;
  readonly bridge: string;
  /** What guests run on here, where that is known; without it, it is found out by trying. */
  readonly accelerator?: Accelerator;
  /** QEMU's cache mode for disks; `none` without it. */
  readonly cacheMode?: string;
}

/** The driver for `vm` on a node. */
export class VmDriver
  implements
    Driver<VirtualMachine, ObservedVm, VmAction, VirtualMachineStatus>,
    SupportsInventory,
    SupportsStrayRemoval
{
  readonly type = 'vm';
  readonly runsOn = 'node';
  readonly #options: VmDriverOptions;
  readonly #session: LibvirtSession;
  readonly #guestSession: LibvirtSession;
  readonly #guests: GuestWatch;
  readonly #domains: Domains;
  #accelerator: Promise<Accelerator> | undefined;

  constructor(options: VmDriverOptions) {
    const { connect, clock, accelerator } = options;
    this.#options = options;
    if (accelerator !== undefined) this.#accelerator = Promise.resolve(accelerator);
    this.#session = new LibvirtSession({
      connect,
      clock,
      onEvent: (event) => this.#onEvent(event),
      onReconnected: () => this.#pokeAll(),
    });
    this.#guestSession = new LibvirtSession({
      connect,
      clock,
      onEvent: () => undefined,
      onReconnected: () => undefined,
    });
    this.#guests = new GuestWatch({
      api: () => this.#guestSession.api(),
      clock,
      changed: (id) => options.poke({ type: 'vm', id }),
    });
    this.#domains = new Domains({
      api: () => this.#session.api(),
      clock,
      files: options.files,
    });
  }

  async observe(vm: VirtualMachine): Promise<ObservedVm> {
    const accelerator = await this.accelerator();
    const domain = await this.#domains.observe(vm.id);
    if (domain?.live?.agentConnected === true) {
      this.#guests.watch(vm.id, this.#domains.refOf(vm.id));
    } else {
      this.#guests.forget(vm.id);
    }
    return {
      domain,
      seedPaths: await this.#options.files.seedPaths(vm.id),
      guest: this.#guests.factsOf(vm.id),
      attempts: this.#domains.attemptsOf(vm.id),
      accelerator,
      checksumOffload: this.#options.checksumOffload(),
    };
  }

  diff(
    vm: VirtualMachine,
    observed: ObservedVm,
    lookup: Lookup,
  ): Difference<VmAction, VirtualMachineStatus> {
    const { files, bridge, cacheMode = 'none' } = this.#options;
    const nowMs = lookup.nowMs();
    const wanted = this.#wanted(vm, observed, lookup);
    const consoleLogPath = `${files.folderOf(vm.id)}/${CONSOLE_LOG}`;
    const node = { bridge, cacheMode, consoleLogPath };
    const orders = powerOrders(vm.id, observed.domain?.config.marks, lookup);
    const input = { vm, observed, wanted, node, nowMs, orders };
    const decision = decideVm(input);
    const status = reportStatus({ ...input, decision, pendingPaths: pendingPaths(input) });
    const { actions, againAfterMs } = decision;
    return { actions, status, ...(againAfterMs === undefined ? {} : { againAfterMs }) };
  }

  apply(vm: VirtualMachine, action: VmAction): Promise<void> {
    return this.#domains.apply(vm.id, action);
  }

  async remove(vm: VirtualMachine): Promise<Removal> {
    const domain = await this.#domains.observe(vm.id);
    if (domain?.live === undefined) {
      await this.#domains.erase(vm.id, domain);
      this.#guests.forget(vm.id);
      return { gone: true };
    }
    if (isStartingUp(domain)) {
      await this.#domains.apply(vm.id, { kind: 'destroy' });
    } else {
      const marks = domain.config.marks ?? this.#domains.newMarks(vm.id);
      const attempts = this.#domains.attemptsOf(vm.id);
      const nowMs = this.#options.clock.nowMs();
      const stop = { domain, marks, attempts, nowMs };
      const { actions } = decideStop(stop, 'to be removed', REMOVAL_PATIENCE_MS);
      for (const action of actions) await this.#domains.apply(vm.id, action);
    }
    const status = patched(VirtualMachineStatusSchema, vm.status, {
      powerState: powerStateOf(domain),
      nodeMessage: 'the guest shuts down before it is removed',
    });
    return { gone: false, waitingFor: 'the guest to shut down', status };
  }

  /** The domains on this node, others' as well, and the folders of machines. */
  inventory(): Promise<readonly BackendObject[]> {
    return this.#domains.objects();
  }

  /** Shuts a domain that nobody wants down, or forces it off, and forgets it; disks stay. */
  async removeStray(id: string): Promise<void> {
    await this.#domains.removeStray(id, REMOVAL_PATIENCE_MS);
    this.#guests.forget(id);
  }

  /** The ports that the domains running on this node are plugged into. */
  runningPortIds(): Promise<ReadonlySet<string>> {
    return this.#domains.runningPortIds();
  }

  /** The newest operation that was carried out on a machine; empty for none. */
  async operationDone(vmId: string): Promise<string> {
    return (await this.#domains.observe(vmId))?.config.marks?.operationId ?? '';
  }

  /** Whether a running guest has the volume open. */
  async isInUse(volumeId: string): Promise<boolean> {
    return (await this.#domains.volumeUser(volumeId))?.liveTarget !== undefined;
  }

  /** Whether any domain, running or not, has the volume. */
  async isAttached(volumeId: string): Promise<boolean> {
    return (await this.#domains.volumeUser(volumeId)) !== undefined;
  }

  /** Grows a volume from within the guest that has it open. Idempotent. */
  growOnline(volumeId: string, sizeBytes: bigint): Promise<void> {
    return this.#domains.growVolume(volumeId, sizeBytes);
  }

  /** How guests run on this node; found out by trying, once. */
  accelerator(): Promise<Accelerator> {
    this.#accelerator ??= explain('find out how guests can run here', async () =>
      probeAccelerator(await this.#session.api(), this.#options.clock),
    ).catch((error: unknown) => {
      this.#accelerator = undefined;
      throw error;
    });
    return this.#accelerator;
  }

  /** What libvirt tells of the host, for the node's status. */
  async nodeFacts() {
    const accelerator = await this.accelerator();
    const api = await explain('reach the hypervisor', () => this.#session.api());
    return readNodeFacts(api, accelerator);
  }

  /** Lets go of libvirtd; guests keep running. */
  async close(): Promise<void> {
    this.#guests.close();
    await Promise.all([this.#session.close(), this.#guestSession.close()]);
  }

  #wanted(vm: VirtualMachine, observed: ObservedVm, lookup: Lookup): Wanted {
    const { domain, accelerator, checksumOffload } = observed;
    const plans = [domain?.config.plan, domain?.live?.plan];
    return wantedPlan({
      vm,
      lookup,
      accelerator,
      checksumOffload,
      folder: this.#options.files.folderOf(vm.id),
      volumeFile: this.#options.volumeFile,
      existing: plans.filter((plan) => plan !== undefined),
    });
  }

  #onEvent(event: DomainEvent): void {
    const { domain } = event;
    if (domain.name !== domainNameOf(domain.uuid)) return;
    if (event.kind === 'lifecycle' && event.event === Lifecycle.STOPPED) {
      this.#guests.forget(domain.uuid);
    }
    if (event.kind === 'agent') {
      if (event.state === AgentState.CONNECTED) this.#guests.watch(domain.uuid, domain);
      else this.#guests.forget(domain.uuid);
    }
    this.#options.poke({ type: 'vm', id: domain.uuid });
  }

  /** Events may have been missed: every machine with a domain is looked at. */
  #pokeAll(): void {
    this.#domains.ours().then(
      (ids) => {
        for (const id of ids) this.#options.poke({ type: 'vm', id });
      },
      // The connection is gone again; the next one asks anew.
      () => undefined,
    );
  }
}
