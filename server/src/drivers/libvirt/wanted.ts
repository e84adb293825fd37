/**
 * From a virtual machine's spec, with its volumes and ports, to the plan of its domain. Pure. What
 * is not ready yet is named in `waits`; a device that the domain has already is kept meanwhile.
 */
import {
  CpuSpecSchema,
  DiskBus,
  type DiskSpec,
  DiskSpecSchema,
  NicModel,
  NicSpecSchema,
  type VirtualMachine,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type VirtualNetwork,
  VirtualNetworkSpecSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { effective } from '../../resource/default-values.js';
import type { Lookup } from '../../resource/lookup.js';
import type { AnyResource } from '../../resource/resource.js';
import { seedPathOf } from './cloud-init.js';
import type { Accelerator, DiskBusName, DomainPlan, PlannedDisk, PlannedNic } from './plan.js';

/** A volume's content on the node; undefined while it has none that can be used. */
export type VolumeFile = (
  volume: Volume,
  pool: StoragePool,
) => { readonly path: string; readonly format: string } | undefined;

/** What a plan depends on beside the resources. */
export interface WantedInput {
  readonly vm: VirtualMachine;
  readonly lookup: Lookup;
  readonly accelerator: Accelerator;
  readonly checksumOffload: boolean;
  /** The folder of the machine's own files on the node. */
  readonly folder: string;
  readonly volumeFile: VolumeFile;
  /** The plans of the definition and of the running domain, where there are any. */
  readonly existing: readonly DomainPlan[];
}

/** The plan, and what it still lacks. */
export interface Wanted {
  readonly plan: DomainPlan;
  /** Why devices are missing or not up to date, for people. */
  readonly waits: readonly string[];
  /** Volumes by the user's names of the disks. */
  readonly volumes: ReadonlyMap<string, Volume>;
}

const SERIAL_LENGTH = 20;
const KIB_PER_MIB = 1_024;
/** What isn't in these tables isn't made here; see `supported.ts`. */
const BUS_NAMES: Readonly<Partial<Record<DiskBus, DiskBusName>>> = {
  [DiskBus.UNSPECIFIED]: 'virtio',
  [DiskBus.VIRTIO_BLK]: 'virtio',
  [DiskBus.VIRTIO_SCSI]: 'scsi',
  [DiskBus.SATA]: 'sata',
};
const MODEL_NAMES: Readonly<Partial<Record<NicModel, string>>> = {
  [NicModel.UNSPECIFIED]: 'virtio',
  [NicModel.VIRTIO]: 'virtio',
  [NicModel.E1000]: 'e1000',
  [NicModel.E1000E]: 'e1000e',
};

/** Makes the plan. */
export function wantedPlan(input: WantedInput): Wanted {
  const { vm, lookup } = input;
  const waits: string[] = [];
  const volumes = childrenByDevice<Volume>(lookup, vm, 'volume', (name) => {
    const source = vm.spec?.disks[name]?.source;
    return source?.case === 'volumeId' ? source.value : undefined;
  });
  const ports = childrenByDevice<Port>(lookup, vm, 'port', (name) => {
    const source = vm.spec?.nics[name]?.source;
    return source?.case === 'portId' ? source.value : undefined;
  });
  const disks = planDisks(input, volumes, waits);
  const nics = planNics(input, ports, waits);
  const cpu = vm.spec?.cpu;
  const vnc = vm.spec?.display?.vnc;
  const plan: DomainPlan = {
    accelerator: input.accelerator,
    title: `${vm.projectId}/${vm.name}`,
    cores: effective(CpuSpecSchema, cpu, 'cores'),
    sockets: effective(CpuSpecSchema, cpu, 'sockets'),
    threadsPerCore: effective(CpuSpecSchema, cpu, 'threadsPerCore'),
    memoryKib: Number(vm.spec?.memory?.sizeMib ?? 0n) * KIB_PER_MIB,
    disks,
    nics,
    seedPath: planSeed(input, nics),
    vnc: vnc === undefined ? undefined : { password: vnc.password },
  };
  return { plan, waits, volumes };
}

/** The MAC addresses of a plan's interfaces, for the seed's network-config. */
export function macsOf(nics: ReadonlyMap<string, PlannedNic>): Map<string, string> {
  return new Map([...nics].map(([name, nic]) => [name, nic.mac]));
}

function planSeed(input: WantedInput, nics: ReadonlyMap<string, PlannedNic>): string | undefined {
  const { vm, folder } = input;
  const cloudInit = vm.spec?.provisioning?.cloudInit;
  if (cloudInit === undefined) return undefined;
  return seedPathOf(folder, { vmId: vm.id, hostname: vm.name, cloudInit, macs: macsOf(nics) });
}

function planDisks(
  input: WantedInput,
  volumes: ReadonlyMap<string, Volume>,
  waits: string[],
): Map<string, PlannedDisk> {
  const specs = sorted(input.vm.spec?.disks ?? {});
  const orders = bootOrders(specs);
  const disks = new Map<string, PlannedDisk>();
  for (const [name, spec] of specs) {
    const file = diskFile(input, volumes.get(name));
    const kept = known(input.existing, (plan) => plan.disks.get(name));
    const bus = BUS_NAMES[spec.bus];
    if (typeof file === 'string' || bus === undefined) {
      const why = typeof file === 'string' ? file : 'its bus is not supported here';
      waits.push(`disk ${name} waits: ${why}`);
      if (kept !== undefined) disks.set(name, kept);
      continue;
    }
    disks.set(name, {
      ...file,
      bus,
      target: kept?.bus === bus ? kept.target : '',
      readOnly: effective(DiskSpecSchema, spec, 'readOnly'),
      serial: spec.serial ?? name.slice(0, SERIAL_LENGTH),
      bootOrder: orders.get(name),
    });
  }
  return withTargets(disks, input.existing);
}

/** Where a volume's content is, or why it can't be used yet. */
function diskFile(
  input: WantedInput,
  volume: Volume | undefined,
): { path: string; format: string } | string {
  if (volume?.spec === undefined) return 'its volume is not known here yet';
  const { status } = volume;
  const pool = input.lookup.get<StoragePool>('storage_pool', volume.spec.poolId);
  if (pool === undefined) return `the pool of volume ${volume.name} is not known here yet`;
  const file = input.volumeFile(volume, pool);
  if (file === undefined) {
    const why = status?.nodeMessage ? `: ${status.nodeMessage}` : '';
    return `volume ${volume.name} is not made yet${why}`;
  }
  return { path: file.path, format: file.format };
}

/** The places in the boot order: those given, or the first for `root`, or for the first by name. */
function bootOrders(specs: readonly (readonly [string, DiskSpec])[]): Map<string, number> {
  const given = specs.filter(([, spec]) => spec.bootIndex !== undefined);
  if (given.length > 0) {
    const order = [...given].sort(([, a], [, b]) => (a.bootIndex ?? 0) - (b.bootIndex ?? 0));
    return new Map(order.map(([name], at) => [name, at + 1]));
  }
  const first = specs.find(([name]) => name === 'root') ?? specs[0];
  return new Map(first === undefined ? [] : [[first[0], 1]]);
}

/** Gives a free device name to each disk that has none. Names that are in use stay taken. */
function withTargets(
  disks: ReadonlyMap<string, PlannedDisk>,
  existing: readonly DomainPlan[],
): Map<string, PlannedDisk> {
  const taken = new Set<string>();
  for (const plan of existing) for (const disk of plan.disks.values()) taken.add(disk.target);
  for (const disk of disks.values()) taken.add(disk.target);
  return new Map(
    [...disks].map(([name, disk]) => {
      if (disk.target !== '') return [name, disk];
      const prefix = disk.bus === 'virtio' ? 'vd' : 'sd';
      const letter = [...'abcdefghijklmnopqrstuvwxy'].find((each) => !taken.has(prefix + each));
      const target = `${prefix}${letter ?? 'y'}`;
      taken.add(target);
      return [name, { ...disk, target }];
    }),
  );
}

function planNics(
  input: WantedInput,
  ports: ReadonlyMap<string, Port>,
  waits: string[],
): Map<string, PlannedNic> {
  const nics = new Map<string, PlannedNic>();
  for (const [name, spec] of sorted(input.vm.spec?.nics ?? {})) {
    const port = ports.get(name);
    const mac = port?.status?.macAddress ?? '';
    const kept = known(input.existing, (plan) => plan.nics.get(name));
    const model = MODEL_NAMES[effective(NicSpecSchema, spec, 'model')];
    if (port?.spec === undefined || mac === '' || model === undefined) {
      const why =
        model === undefined
          ? 'its model is not supported here'
          : 'its port has no MAC address here yet';
      waits.push(`interface ${name} waits: ${why}`);
      if (kept !== undefined) nics.set(name, kept);
      continue;
    }
    nics.set(name, {
      portId: port.id,
      mac,
      model,
      mtu: mtuOf(input.lookup, port) ?? kept?.mtu,
      checksumOffload: input.checksumOffload,
    });
  }
  return nics;
}

function mtuOf(lookup: Lookup, port: Port): number | undefined {
  const network = lookup.get<VirtualNetwork>('network', port.spec?.networkId ?? '');
  if (network === undefined) return undefined;
  return effective(VirtualNetworkSpecSchema, network.spec, 'mtu');
}

/** The resources behind a machine's devices: those it owns, and those that it names. */
function childrenByDevice<R extends AnyResource>(
  lookup: Lookup,
  vm: VirtualMachine,
  type: 'volume' | 'port',
  namedId: (device: string) => string | undefined,
): Map<string, R> {
  const children = new Map<string, R>();
  for (const child of lookup.referrers<R>(type, vm.id)) {
    const isOwned = child.owner?.type === 'vm' && child.owner.id === vm.id;
    if (isOwned && child.deletionRequestedAt === undefined) {
      children.set(child.owner?.device ?? '', child);
    }
  }
  const devices = type === 'volume' ? vm.spec?.disks : vm.spec?.nics;
  for (const device of Object.keys(devices ?? {})) {
    const id = namedId(device);
    if (id === undefined) continue;
    const named = lookup.get<R>(type, id);
    if (named === undefined) children.delete(device);
    else children.set(device, named);
  }
  return children;
}

function known<T>(
  plans: readonly DomainPlan[],
  find: (plan: DomainPlan) => T | undefined,
): T | undefined {
  for (const plan of plans) {
    const found = find(plan);
    if (found !== undefined) return found;
  }
  return undefined;
}

function sorted<T>(map: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}
