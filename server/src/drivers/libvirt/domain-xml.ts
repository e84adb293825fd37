/**
 * A domain plan as libvirt's XML, with our marks in its metadata. Pure and deterministic: the same
 * input gives the same text. Identity is the machine's id, as the domain's UUID and in its name.
 */
import { formatXml, type XmlAttributes, type XmlElement, xml } from '../../wire/libvirt/xml.js';
import type { Accelerator, DomainPlan, PlannedDisk, PlannedNic } from './plan.js';

/** Namespace of our metadata element; domains that have one are ours. */
export const METADATA_URI = 'https://limiquantix.dev/xmlns/domain/1';
export const METADATA_PREFIX = 'limiquantix';

/** Disk target of the seed, above those of a user's disks. */
export const SEED_TARGET = 'vdz';

/** Aliases by which devices are found again; libvirt keeps those that begin so. */
export const DISK_ALIAS = 'ua-disk-';
export const NIC_ALIAS = 'ua-nic-';
export const SEED_ALIAS = 'ua-seed';

/**
 * PCI Express ports that stay free, for disks and interfaces that are plugged in later. Each makes
 * an emulated guest boot about 0.15 s later.
 */
export const SPARE_PORTS = 4;

const TRANSLATION_CACHE_MIB = 64;
const BALLOON_STATS_SECONDS = 10;

/** What a domain was last brought to. */
export type Power = (typeof POWERS)[number];
export const POWERS = ['defined', 'running', 'stopping', 'saved'] as const;

/** What we note in a domain's metadata. */
export interface Marks {
  readonly vmId: string;
  readonly projectId: string;
  readonly generation: bigint;
  /**
   * What we last brought about: `defined` (never started), `running`, `stopping` on request, or
   * `saved` with its memory.
   */
  readonly power: Power;
  /** Starts after the guest ended by itself, ever and in a row. */
  readonly restarts: number;
  readonly restartsInRow: number;
  /** When it was last started, in milliseconds since 1970; 0 for never. */
  readonly startedAtMs: number;
  /** The newest operation that was carried out; empty for none. Ids of operations are ordered. */
  readonly operationId: string;
}

/** What a definition is made of, beside the plan. */
export interface DomainFrame {
  readonly marks: Marks;
  readonly consoleLogPath: string;
  /** The integration bridge of Open vSwitch. */
  readonly bridge: string;
  readonly cacheMode: string;
  /** Machine type; a definition keeps the version that it was made with. */
  readonly machine: string;
  /** PCI Express ports; a definition never loses one. */
  readonly rootPorts: number;
  /** PCI addresses by alias, so that a device keeps its place and the guest its names. */
  readonly addresses: ReadonlyMap<string, XmlElement>;
}

/** The domain's name. */
export function domainNameOf(vmId: string): string {
  return `lqx-${vmId}`;
}

/** The whole definition. */
export function domainXml(plan: DomainPlan, frame: DomainFrame): string {
  const { marks } = frame;
  return formatXml(
    xml(
      'domain',
      { type: plan.accelerator },
      xml('name', {}, domainNameOf(marks.vmId)),
      xml('uuid', {}, marks.vmId),
      xml('title', {}, plan.title),
      xml('metadata', {}, marksXml(marks, true)),
      xml('memory', { unit: 'KiB' }, String(plan.memoryKib)),
      xml('vcpu', {}, String(plan.cores * plan.sockets * plan.threadsPerCore)),
      xml('os', {}, xml('type', { arch: 'x86_64', machine: frame.machine }, 'hvm')),
      featuresXml(plan),
      cpuXml(plan),
      xml('clock', { offset: 'utc' }),
      xml('on_poweroff', {}, 'destroy'),
      xml('on_reboot', {}, 'restart'),
      xml('on_crash', {}, 'destroy'),
      xml('devices', {}, ...devicesXml(plan, frame)),
    ),
  );
}

/** Our metadata element; libvirt adds prefix and namespace itself where it is set on its own. */
export function marksXml(marks: Marks, namespaced: boolean): XmlElement {
  const name = namespaced ? `${METADATA_PREFIX}:vm` : 'vm';
  const namespace = namespaced ? { [`xmlns:${METADATA_PREFIX}`]: METADATA_URI } : {};
  return xml(name, {
    ...namespace,
    id: marks.vmId,
    project: marks.projectId,
    generation: marks.generation,
    power: marks.power,
    restarts: marks.restarts,
    'restarts-in-row': marks.restartsInRow,
    'started-at': marks.startedAtMs,
    ...(marks.operationId !== '' && { operation: marks.operationId }),
  });
}

/** One disk, as in the definition and for attaching it to a running domain. */
export function diskXml(name: string, disk: PlannedDisk, frame: DeviceFrame): XmlElement {
  const alias = DISK_ALIAS + name;
  return xml(
    'disk',
    { type: 'file', device: 'disk' },
    xml('driver', {
      name: 'qemu',
      type: disk.format,
      cache: frame.cacheMode,
      discard: 'unmap',
    }),
    xml('source', { file: disk.path }),
    xml('target', { dev: disk.target, bus: disk.bus }),
    disk.readOnly ? xml('readonly') : undefined,
    xml('serial', {}, disk.serial),
    disk.bootOrder === undefined ? undefined : xml('boot', { order: disk.bootOrder }),
    xml('alias', { name: alias }),
    frame.addresses.get(alias),
  );
}

/** One interface, as in the definition and for attaching it to a running domain. */
export function nicXml(name: string, nic: PlannedNic, frame: DeviceFrame): XmlElement {
  const alias = NIC_ALIAS + name;
  return xml(
    'interface',
    { type: 'bridge' },
    xml('mac', { address: nic.mac }),
    xml('source', { bridge: frame.bridge }),
    xml('virtualport', { type: 'openvswitch' }, xml('parameters', { interfaceid: nic.portId })),
    xml('model', { type: nic.model }),
    nic.checksumOffload ? undefined : xml('driver', {}, xml('host', { csum: 'off' })),
    nic.mtu === undefined ? undefined : xml('mtu', { size: nic.mtu }),
    xml('alias', { name: alias }),
    frame.addresses.get(alias),
  );
}

/** The controller that disks on the bus `scsi` need. */
export function scsiControllerXml(frame: DeviceFrame): XmlElement {
  return aliasedXml('ua-scsi', frame, 'controller', {
    type: 'scsi',
    index: 0,
    model: 'virtio-scsi',
  });
}

/** The processor that guests get: all that the accelerator can give. */
export function cpuModeOf(accelerator: Accelerator): string {
  return accelerator === 'kvm' ? 'host-model' : 'maximum';
}

/** PCI Express ports that a plan's devices take. */
export function portsTaken(plan: DomainPlan): number {
  const disks = [...plan.disks.values()];
  const virtioDisks = disks.filter((disk) => disk.bus === 'virtio').length;
  const scsi = disks.some((disk) => disk.bus === 'scsi') ? 1 : 0;
  const seed = plan.seedPath === undefined ? 0 : 1;
  const serialBalloonRandom = 3;
  return virtioDisks + scsi + seed + plan.nics.size + serialBalloonRandom;
}

/** What a single device's XML needs of the frame. */
export type DeviceFrame = Pick<DomainFrame, 'addresses' | 'bridge' | 'cacheMode'>;

function featuresXml(plan: DomainPlan): XmlElement {
  const cache = xml('tb-cache', { unit: 'MiB' }, String(TRANSLATION_CACHE_MIB));
  const emulation = plan.accelerator === 'qemu' ? xml('tcg', {}, cache) : undefined;
  return xml('features', {}, xml('acpi'), xml('apic'), emulation);
}

function cpuXml(plan: DomainPlan): XmlElement {
  const topology = xml('topology', {
    sockets: plan.sockets,
    dies: 1,
    cores: plan.cores,
    threads: plan.threadsPerCore,
  });
  return xml('cpu', { mode: cpuModeOf(plan.accelerator) }, topology);
}

function devicesXml(plan: DomainPlan, frame: DomainFrame): (XmlElement | undefined)[] {
  const needsScsi = [...plan.disks.values()].some((disk) => disk.bus === 'scsi');
  return [
    ...[...plan.disks].sort(byName).map(([name, disk]) => diskXml(name, disk, frame)),
    plan.seedPath === undefined ? undefined : seedXml(plan.seedPath, frame),
    xml('controller', { type: 'pci', index: 0, model: 'pcie-root' }),
    ...rootPortsXml(frame.rootPorts),
    xml('controller', { type: 'usb', model: 'none' }),
    needsScsi ? scsiControllerXml(frame) : undefined,
    aliasedXml('ua-serial', frame, 'controller', { type: 'virtio-serial', index: 0 }),
    ...[...plan.nics].sort(byName).map(([name, nic]) => nicXml(name, nic, frame)),
    xml(
      'serial',
      { type: 'pty' },
      xml('log', { file: frame.consoleLogPath, append: 'on' }),
      xml('target', { port: 0 }),
    ),
    xml(
      'channel',
      { type: 'unix' },
      xml('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
    ),
    ...displayXml(plan),
    xml(
      'memballoon',
      { model: 'virtio' },
      xml('stats', { period: BALLOON_STATS_SECONDS }),
      xml('alias', { name: 'ua-balloon' }),
      frame.addresses.get('ua-balloon'),
    ),
    xml(
      'rng',
      { model: 'virtio' },
      xml('backend', { model: 'random' }, '/dev/urandom'),
      xml('alias', { name: 'ua-rng' }),
      frame.addresses.get('ua-rng'),
    ),
  ];
}

function seedXml(path: string, frame: DomainFrame): XmlElement {
  return xml(
    'disk',
    { type: 'file', device: 'disk' },
    xml('driver', { name: 'qemu', type: 'raw' }),
    xml('source', { file: path }),
    xml('target', { dev: SEED_TARGET, bus: 'virtio' }),
    xml('readonly'),
    xml('alias', { name: SEED_ALIAS }),
    frame.addresses.get(SEED_ALIAS),
  );
}

function rootPortsXml(count: number): XmlElement[] {
  return Array.from({ length: count }, (_, at) =>
    xml('controller', { type: 'pci', index: at + 1, model: 'pcie-root-port' }),
  );
}

function displayXml(plan: DomainPlan): XmlElement[] {
  if (plan.vnc === undefined) return [];
  const listen = xml('listen', { type: 'socket' });
  return [
    xml('graphics', { type: 'vnc', passwd: plan.vnc.password }, listen),
    xml('video', {}, xml('model', { type: 'vga' })),
  ];
}

/** A device whose place on the bus is kept. */
function aliasedXml(
  alias: string,
  frame: DeviceFrame,
  name: string,
  attributes: XmlAttributes,
): XmlElement {
  return xml(name, attributes, xml('alias', { name: alias }), frame.addresses.get(alias));
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
