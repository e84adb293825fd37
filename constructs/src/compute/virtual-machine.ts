/**
 * The virtual machine L2: processors, memory, disks and interfaces by name, and how the guest is
 * set up. Where it runs is decided by the control plane; declared is only where it may run.
 */
import { Fn, Lazy } from 'cdktf';
import { Construct, type IConstruct } from 'constructs';
import { header } from '../core/header.js';
import type { ProjectResourceProps } from '../core/resource-props.js';
import type { Size } from '../core/size.js';
import { Vm, type VmConfig } from '../gen/index.js';
import type { INetwork } from '../network/network.js';
import type { CloudInit } from './cloud-init.js';
import type { Disk } from './disk.js';
import { Nic } from './nic.js';

/** The interface that the property `network` stands for. */
const PRIMARY_NIC = 'lan';
const DEVICE_PATTERN = /^[a-z][a-z0-9_-]{0,30}$/;
const DISKS_MAX = 24;
const NICS_MAX = 16;

/** A virtual machine, declared here or elsewhere. */
export interface IVirtualMachine extends IConstruct {
  /** The machine's id. */
  readonly vmId: string;
}

/** Whether a virtual machine runs. */
export enum PowerState {
  /** It runs. */
  RUNNING = 'running',
  /** It is shut down. */
  STOPPED = 'stopped',
  /** It is halted with its memory kept on the node. */
  PAUSED = 'paused',
}

/** When a guest that ended is started again. */
export enum RestartPolicy {
  /** Always, also after a shutdown from inside. */
  ALWAYS = 'always',
  /** After a crash, but not after a shutdown from inside. */
  ON_FAILURE = 'on_failure',
  /** Never. */
  NEVER = 'never',
}

/** Properties of a virtual machine. */
export interface VirtualMachineProps extends ProjectResourceProps {
  /** The processor cores of each socket. */
  readonly cpuCores: number;

  /**
   * The processor sockets.
   *
   * @default 1
   */
  readonly cpuSockets?: number;

  /**
   * The threads of each core.
   *
   * @default 1
   */
  readonly cpuThreadsPerCore?: number;

  /** The memory. */
  readonly memory: Size;

  /**
   * The disks, by names that you choose. The machine boots from the one named `root`.
   *
   * @default - none but those that `addDisk` adds
   */
  readonly disks?: { readonly [key: string]: Disk };

  /**
   * The network that the machine's first interface, `lan`, is plugged into.
   *
   * @default - no interfaces but those that `addNic` adds
   */
  readonly network?: INetwork;

  /**
   * The fixed IPv4 address of the interface `lan`.
   *
   * @default - LimiQuantix assigns one before the machine boots
   */
  readonly ipAddress?: string;

  /**
   * What cloud-init reads at the first boot.
   *
   * @default - the guest gets its name and nothing else
   */
  readonly cloudInit?: CloudInit;

  /**
   * Whether the machine runs.
   *
   * @default PowerState.RUNNING
   */
  readonly powerState?: PowerState;

  /**
   * When a guest that ended is started again.
   *
   * @default RestartPolicy.ALWAYS
   */
  readonly restartPolicy?: RestartPolicy;

  /**
   * The ids of the nodes that the machine may run on.
   *
   * @default - all nodes
   */
  readonly requiredNodeIds?: string[];

  /**
   * The ids of the nodes that the machine may not run on.
   *
   * @default - none
   */
  readonly excludedNodeIds?: string[];

  /**
   * Labels that the machine's node must have.
   *
   * @default - none
   */
  readonly requiredNodeLabels?: { readonly [key: string]: string };

  /**
   * Whether the machine counts as ready only when its guest agent answers.
   *
   * @default false
   */
  readonly waitForGuestAgent?: boolean;

  /**
   * Whether the machine counts as ready only when its guest has the addresses assigned to it.
   *
   * @default false
   */
  readonly waitForGuestAddresses?: boolean;
}

/**
 * A virtual machine with its disks and network interfaces.
 *
 * @resource limiquantix_vm
 */
export class VirtualMachine extends Construct implements IVirtualMachine {
  /** A virtual machine that was declared elsewhere. */
  public static fromVmId(scope: Construct, id: string, vmId: string): IVirtualMachine {
    return new ImportedVirtualMachine(scope, id, vmId);
  }

  public readonly vmId: string;

  /** The L1 beneath, for what this class has no property for. */
  public readonly resource: Vm;

  private readonly disks: { [key: string]: Disk } = {};
  private readonly nics: { [key: string]: Nic } = {};

  public constructor(scope: Construct, id: string, props: VirtualMachineProps) {
    super(scope, id);
    if (props.ipAddress !== undefined && props.network === undefined) {
      throw new Error(`${this.node.path}: ipAddress needs a network: give \`network\` as well`);
    }
    this.resource = new Vm(this, 'Resource', {
      ...header(this, props),
      projectId: props.projectId,
      powerState: props.powerState,
      cpu: {
        cores: props.cpuCores,
        sockets: props.cpuSockets,
        threadsPerCore: props.cpuThreadsPerCore,
      },
      memory: { sizeMib: props.memory.toMebibytes() },
      ...guestConfig(props),
      ...placementConfig(props),
    });
    this.vmId = this.resource.id;
    for (const [name, disk] of Object.entries(props.disks ?? {})) this.addDisk(name, disk);
    if (props.network !== undefined) {
      this.addNic(PRIMARY_NIC, Nic.fromNetwork(props.network, { ipAddress: props.ipAddress }));
    }
  }

  /** The first address of the interface `lan`, assigned before the first boot. */
  public get ipAddress(): string {
    return this.ipAddressOf(PRIMARY_NIC);
  }

  /**
   * The first address of an interface, assigned before the first boot.
   *
   * @param nic the interface's name
   */
  public ipAddressOf(nic: string): string {
    if (this.nics[nic] === undefined) {
      throw new Error(
        `${this.node.path} has no interface '${nic}': give \`network\` or call addNic first`,
      );
    }
    return Fn.element(this.resource.status.nics.get(nic).ipAddresses, 0);
  }

  /**
   * Adds a disk.
   *
   * @param name the disk's name; no other disk of the machine has it
   */
  public addDisk(name: string, disk: Disk): void {
    this.requireDevice('disk', { name, existing: this.disks, countMax: DISKS_MAX });
    this.disks[name] = disk;
    this.resource.putDisks(mapValues(this.disks, (each) => each._attributes));
  }

  /**
   * Adds a network interface.
   *
   * @param name the interface's name; no other interface of the machine has it
   */
  public addNic(name: string, nic: Nic): void {
    this.requireDevice('interface', { name, existing: this.nics, countMax: NICS_MAX });
    this.nics[name] = nic;
    this.resource.putNics(mapValues(this.nics, (each) => each._attributes));
  }

  private requireDevice(kind: string, device: NewDevice): void {
    const { name, existing, countMax } = device;
    const path = this.node.path;
    if (!DEVICE_PATTERN.test(name)) {
      throw new Error(
        `${path}: the name of a ${kind} must begin with a lower-case letter and go on with at ` +
          `most 30 of a-z, 0-9, _ and -, got '${name}': rename it`,
      );
    }
    if (existing[name] !== undefined) {
      throw new Error(`${path} already has a ${kind} '${name}': give the new one another name`);
    }
    if (Object.keys(existing).length >= countMax) {
      throw new Error(
        `${path}: a machine has at most ${countMax} of each device, got '${name}' too`,
      );
    }
  }
}

interface NewDevice {
  readonly name: string;
  readonly existing: { readonly [key: string]: unknown };
  readonly countMax: number;
}

class ImportedVirtualMachine extends Construct implements IVirtualMachine {
  public constructor(
    scope: Construct,
    id: string,
    public readonly vmId: string,
  ) {
    super(scope, id);
  }
}

/** How the guest is set up and when it counts as ready. */
function guestConfig(props: VirtualMachineProps): Pick<VmConfig, 'provisioning' | 'waitFor'> {
  const { cloudInit, waitForGuestAgent, waitForGuestAddresses } = props;
  return {
    provisioning: cloudInit && {
      cloudInit: {
        // Lazy: what is added to the builder after this machine counts as well.
        userData: Lazy.stringValue({ produce: () => cloudInit.userData }),
        networkConfig: cloudInit.networkConfig,
        metaData: cloudInit.metaData,
      },
    },
    waitFor: given({ guestAgent: waitForGuestAgent, guestAddresses: waitForGuestAddresses }),
  };
}

/** Where the guest may run and what happens when it ends. */
function placementConfig(props: VirtualMachineProps): Pick<VmConfig, 'placement' | 'ha'> {
  return {
    placement: given({
      requiredNodeIds: props.requiredNodeIds,
      excludedNodeIds: props.excludedNodeIds,
      requiredNodeLabels: props.requiredNodeLabels,
    }),
    ha: given({ restart: props.restartPolicy }),
  };
}

/** The block, or nothing where none of its attributes was given. */
function given<T extends object>(block: T): T | undefined {
  return Object.values(block).some((value) => value !== undefined) ? block : undefined;
}

function mapValues<T, R>(map: { [key: string]: T }, to: (value: T) => R): { [key: string]: R } {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, to(value)]));
}
