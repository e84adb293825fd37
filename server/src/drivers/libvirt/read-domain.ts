/**
 * libvirt's XML back into a plan and our marks: the inverse of `domain-xml.ts`, tolerant of what
 * libvirt adds. Pure. Devices are recognised by their aliases; others are not ours and left alone.
 */
import {
  childOf,
  childrenOf,
  descendant,
  parseXml,
  type XmlElement,
} from '../../wire/libvirt/xml.js';
import {
  DISK_ALIAS,
  type Marks,
  METADATA_PREFIX,
  METADATA_URI,
  NIC_ALIAS,
  POWERS,
  SEED_ALIAS,
} from './domain-xml.js';
import type { DiskBusName, DomainPlan, PlannedDisk, PlannedNic, PlannedVnc } from './plan.js';

/** A definition as libvirt has it. */
export interface DomainReading {
  readonly plan: DomainPlan;
  /** Undefined for a domain that isn't ours. */
  readonly marks: Marks | undefined;
  readonly machine: string;
  readonly rootPorts: number;
  readonly addresses: ReadonlyMap<string, XmlElement>;
  readonly hasScsiController: boolean;
  /** Whether the guest agent's channel is open at its other end; only in a running domain. */
  readonly agentConnected: boolean;
}

/** Reads a definition. Throws `SyntaxError` on malformed XML. */
export function readDomain(text: string): DomainReading {
  const domain = parseXml(text);
  const devices = childOf(domain, 'devices');
  const controllers = childrenOf(devices, 'controller').map((each) => each.attributes);
  return {
    plan: readPlan(domain, devices),
    marks: readMarks(domain),
    machine: descendant(domain, 'os', 'type')?.attributes['machine'] ?? '',
    rootPorts: controllers.filter((each) => each['model'] === 'pcie-root-port').length,
    addresses: readAddresses(devices),
    hasScsiController: controllers.some((each) => each['type'] === 'scsi'),
    agentConnected: childrenOf(devices, 'channel').some(
      (channel) => childOf(channel, 'target')?.attributes['state'] === 'connected',
    ),
  };
}

function readPlan(domain: XmlElement, devices: XmlElement | undefined): DomainPlan {
  const topology = descendant(domain, 'cpu', 'topology')?.attributes;
  const disks = childrenOf(devices, 'disk');
  const seed = disks.find((disk) => aliasOf(disk) === SEED_ALIAS);
  return {
    accelerator: domain.attributes['type'] === 'kvm' ? 'kvm' : 'qemu',
    title: childOf(domain, 'title')?.text ?? '',
    cores: Number(topology?.['cores'] ?? childOf(domain, 'vcpu')?.text ?? 1),
    sockets: Number(topology?.['sockets'] ?? 1),
    threadsPerCore: Number(topology?.['threads'] ?? 1),
    memoryKib: Number(childOf(domain, 'memory')?.text ?? 0),
    disks: named(disks, DISK_ALIAS, readDisk),
    nics: named(childrenOf(devices, 'interface'), NIC_ALIAS, readNic),
    seedPath: childOf(seed, 'source')?.attributes['file'],
    vnc: readVnc(devices),
  };
}

function readMarks(domain: XmlElement): Marks | undefined {
  const element = childOf(domain, 'metadata')?.children.find(
    (child) => child.attributes[`xmlns:${METADATA_PREFIX}`] === METADATA_URI,
  );
  const vmId = element?.attributes['id'];
  if (element === undefined || vmId === undefined) return undefined;
  const { attributes } = element;
  const power = attributes['power'];
  return {
    vmId,
    projectId: attributes['project'] ?? '',
    generation: toBigInt(attributes['generation']),
    power: POWERS.find((one) => one === power) ?? 'defined',
    restarts: toNumber(attributes['restarts']),
    restartsInRow: toNumber(attributes['restarts-in-row']),
    startedAtMs: toNumber(attributes['started-at']),
    operationId: attributes['operation'] ?? '',
  };
}

function readAddresses(devices: XmlElement | undefined): Map<string, XmlElement> {
  const addresses = new Map<string, XmlElement>();
  for (const device of devices?.children ?? []) {
    const alias = aliasOf(device);
    const address = childOf(device, 'address');
    if (alias?.startsWith('ua-') && address?.attributes['type'] === 'pci') {
      addresses.set(alias, address);
    }
  }
  return addresses;
}

function readDisk(disk: XmlElement): PlannedDisk {
  const target = childOf(disk, 'target')?.attributes;
  const order = childOf(disk, 'boot')?.attributes['order'];
  return {
    path: childOf(disk, 'source')?.attributes['file'] ?? '',
    format: childOf(disk, 'driver')?.attributes['type'] ?? '',
    target: target?.['dev'] ?? '',
    bus: (target?.['bus'] ?? 'virtio') as DiskBusName,
    readOnly: childOf(disk, 'readonly') !== undefined,
    serial: childOf(disk, 'serial')?.text ?? '',
    bootOrder: order === undefined ? undefined : Number(order),
  };
}

function readNic(nic: XmlElement): PlannedNic {
  const mtu = childOf(nic, 'mtu')?.attributes['size'];
  const parameters = descendant(nic, 'virtualport', 'parameters');
  return {
    portId: parameters?.attributes['interfaceid'] ?? '',
    mac: childOf(nic, 'mac')?.attributes['address'] ?? '',
    model: childOf(nic, 'model')?.attributes['type'] ?? '',
    mtu: mtu === undefined ? undefined : Number(mtu),
    checksumOffload: descendant(nic, 'driver', 'host')?.attributes['csum'] !== 'off',
  };
}

function readVnc(devices: XmlElement | undefined): PlannedVnc | undefined {
  const graphics = childrenOf(devices, 'graphics').find(
    (each) => each.attributes['type'] === 'vnc',
  );
  return graphics === undefined ? undefined : { password: graphics.attributes['passwd'] };
}

function named<T>(
  devices: readonly XmlElement[],
  prefix: string,
  read: (device: XmlElement) => T,
): Map<string, T> {
  const found = new Map<string, T>();
  for (const device of devices) {
    const alias = aliasOf(device);
    if (alias?.startsWith(prefix)) found.set(alias.slice(prefix.length), read(device));
  }
  return found;
}

function aliasOf(device: XmlElement): string | undefined {
  return childOf(device, 'alias')?.attributes['name'];
}

function toNumber(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isSafeInteger(value) ? value : 0;
}

function toBigInt(text: string | undefined): bigint {
  return text !== undefined && /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}
