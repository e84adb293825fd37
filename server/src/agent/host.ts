/**
 * An agent with the host drivers on the backends of one host, real or simulated: libvirt's domains,
 * disk files in directories, the switch that joins OVN. Says what the host is.
 */

import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { fromBinary } from '@limiquantix/proto/binary/codec.js';
import { NodeSystemSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { ImageCacheDriver } from '../drivers/directory/image-cache.js';
import { provisionedFileOf } from '../drivers/directory/layout.js';
import { DirectoryPoolDriver } from '../drivers/directory/pool.js';
import { PoolRegister } from '../drivers/directory/pool-register.js';
import { DirectoryVolumeDriver } from '../drivers/directory/volume.js';
import type { NodeFiles } from '../drivers/libvirt/node-files.js';
import type { ObservedVm, VmAction } from '../drivers/libvirt/observed.js';
import { createOperationDriver } from '../drivers/libvirt/operation-driver.js';
import { VmDriver } from '../drivers/libvirt/vm-driver.js';
import { Chassis, INTEGRATION_BRIDGE } from '../drivers/ovn/chassis.js';
import type { HostKernel } from '../drivers/ovn/datapath.js';
import type { Log } from '../log.js';
import type { Clock, Random } from '../reconcile/clock.js';
import type {
  Driver,
  SupportsInventory,
  SupportsPartRemoval,
  SupportsStrayRemoval,
} from '../reconcile/driver.js';
import type { AnyResource } from '../resource/resource.js';
import type { TypeRegistry } from '../resource/type-registry.js';
import { tracedDisks, tracedLibvirt, tracedOvsdb } from '../traced.js';
import { noTracing, type Tracing } from '../tracing.js';
import type { DiskImages } from '../wire/disk-image/api.js';
import type { LibvirtConnect } from '../wire/libvirt/api.js';
import type { OvsdbApi } from '../wire/ovsdb/api.js';
import type { OpenVSwitch } from '../wire/ovsdb/open-vswitch.js';
import { Agent, type DriverContext } from './agent.js';
import { ChassisKeeper } from './chassis-keeper.js';
import type { ControlPlane } from './control-plane.js';
import type { LogFiles } from './log-files.js';
import { createNodeDriver, type NodeFacts } from './node-facts.js';
import { type ReadId, Replica } from './replica.js';

/** A host's backends. */
export interface HostBackends {
  readonly libvirt: LibvirtConnect;
  readonly disks: DiskImages;
  readonly files: NodeFiles;
  /** The host's switch database; the agent closes the client. */
  readonly ovs: OvsdbApi<OpenVSwitch>;
  readonly kernel: HostKernel;
}

/** What a host says of itself. */
export interface HostFacts {
  readonly hostname: string;
  /** The operating system's name, for people. */
  readonly os: string;
  /** The kernel's release. */
  readonly kernelRelease: string;
}

/** What an agent on a host is made of. */
export interface HostAgentOptions {
  readonly nodeId: string;
  readonly types: TypeRegistry;
  /** Where the desired state is kept. */
  readonly directory: string;
  /** The files there; this machine's without it. */
  readonly files?: LogFiles;
  readonly controlPlane: ControlPlane;
  readonly backends: HostBackends;
  readonly facts: HostFacts;
  /** OVN's southbound, such as `ssl:10.0.0.1:6642`. */
  readonly southbound: string;
  /** The address that other hosts send Geneve packets to. */
  readonly encapIp: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly agentVersion: string;
  readonly session: string;
  /** Records what is done on the host; nobody without it. */
  readonly tracing?: Tracing | undefined;
}

/** An agent that runs. */
export interface HostAgent {
  readonly agent: Agent;
  /** Ends it after the work under way. Guests go on. */
  stop(): Promise<void>;
}

/** Starts an agent. It is up at once; backends that don't answer yet are waited for. */
export async function startHostAgent(given: HostAgentOptions): Promise<HostAgent> {
  const options = { ...given, backends: tracedBackends(given) };
  const { types, directory, files, controlPlane, backends } = options;
  const readId: ReadId = (type, bytes) => idOf(types, type, bytes);
  const replica = await Replica.open(directory, readId, files);
  let host: Host | undefined;
  const agent = new Agent({
    ...options,
    replica,
    open: controlPlane.open,
    drivers: (context) => {
      host = makeHost(options, context);
      return host.drivers;
    },
  });
  const off = backends.ovs.onConnection((connected) => {
    if (connected) host?.keeper.look();
  });
  agent.start();
  host?.keeper.start();
  return {
    agent,
    async stop() {
      off();
      await host?.keeper.stop();
      await host?.images.stop();
      await agent.stop();
      await host?.vms.close();
      backends.ovs.close();
      controlPlane.close();
    },
  };
}

function tracedBackends({ backends, tracing = noTracing }: HostAgentOptions): HostBackends {
  const { libvirt, disks, ovs } = backends;
  return {
    ...backends,
    libvirt: async () => tracedLibvirt(tracing, await libvirt()),
    disks: tracedDisks(tracing, disks),
    ovs: tracedOvsdb(tracing, ovs),
  };
}

interface Host {
  readonly drivers: readonly Driver[];
  readonly keeper: ChassisKeeper;
  readonly vms: VmDriver;
  readonly images: ImageCacheDriver;
}

function makeHost(options: HostAgentOptions, context: DriverContext): Host {
  const { backends, controlPlane, clock, log } = options;
  const { nodeId, lookup, poke } = context;
  const { disks } = backends;
  const vms = new VmDriver({
    connect: backends.libvirt,
    clock,
    poke,
    files: backends.files,
    volumeFile: provisionedFileOf,
    checksumOffload: () => keeper.report?.datapath === 'system',
    bridge: INTEGRATION_BRIDGE,
  });
  const { facts, southbound, encapIp } = options;
  const chassis = new Chassis({
    api: backends.ovs,
    kernel: backends.kernel,
    settings: { nodeId, hostname: facts.hostname, southbound, encapIp },
  });
  const keeper: ChassisKeeper = new ChassisKeeper({
    chassis,
    runningPortIds: () => vms.runningPortIds(),
    onReady: () => {
      poke({ type: 'node', id: nodeId });
      for (const { id } of lookup.list('vm')) poke({ type: 'vm', id });
    },
    clock,
    log,
  });
  const pools = new PoolRegister({ disks, directory: join(options.directory, 'pools'), lookup });
  const images = new ImageCacheDriver({
    nodeId,
    disks,
    pools,
    source: {
      read: (imageId, offset, signal) => controlPlane.readImage(imageId, BigInt(offset), signal),
    },
    poke,
    clock,
    lookup,
  });
  const drivers = [
    createNodeDriver({ facts: () => readFacts(options, vms, keeper), fault: context.fault, log }),
    new DirectoryPoolDriver({ nodeId, disks, pools }),
    images,
    new DirectoryVolumeDriver({ nodeId, disks, pools, usage: vms }),
    createOperationDriver({ operationDone: (vmId) => vms.operationDone(vmId), poke }),
    gated(vms, keeper, chassis),
  ];
  return { drivers: drivers as unknown as readonly Driver[], keeper, vms, images };
}

/**
 * The driver of machines, which touches no guest before the host's switch is set up. Its inventory
 * has their interfaces there as well.
 */
function gated(
  vms: VmDriver,
  keeper: ChassisKeeper,
  chassis: Chassis,
): Driver<VirtualMachine, ObservedVm, VmAction> &
  SupportsInventory &
  SupportsStrayRemoval &
  SupportsPartRemoval {
  return {
    type: vms.type,
    runsOn: vms.runsOn,
    async observe(vm) {
      keeper.requireReady();
      return vms.observe(vm);
    },
    diff: (vm, observed, lookup) => vms.diff(vm, observed, lookup),
    apply: (vm, action) => vms.apply(vm, action),
    remove: (vm) => vms.remove(vm),
    inventory: async () => [...(await vms.inventory()), ...(await chassis.inventory())],
    removeStray: (id) => vms.removeStray(id),
    partType: 'port',
    removePart: async (id) => chassis.unplug(id, await vms.runningPortIds()),
  };
}

async function readFacts(
  options: HostAgentOptions,
  vms: VmDriver,
  keeper: ChassisKeeper,
): Promise<NodeFacts> {
  const { facts, agentVersion } = options;
  const { cpu, memory, system } = await vms.nodeFacts();
  return {
    cpu,
    memory,
    system: create(NodeSystemSchema, {
      ...system,
      os: facts.os,
      kernel: facts.kernelRelease,
      hostname: facts.hostname,
      agentVersion,
      datapath: keeper.report?.datapath ?? '',
    }),
  };
}

function idOf(types: TypeRegistry, type: string, bytes: Uint8Array): string | undefined {
  const known = types.find(type);
  return known && (fromBinary(known.message, bytes) as AnyResource).id;
}
