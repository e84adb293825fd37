/**
 * What a simulated libvirtd makes of domain XML: checks, normalises as the real one was seen to,
 * finds devices and changes the device list. Pure; errors carry the real one's codes and words.
 */
import { LibvirtErrorCode, LibvirtErrorDomain } from './constants.js';
import { LibvirtError } from './errors.js';
import {
  childOf,
  childrenOf,
  descendant,
  parseXml,
  withAttributes,
  withChildren,
  type XmlElement,
  xml,
} from './xml.js';

/** Makes an error as libvirt words it. */
export function libvirtError(code: number, message: string, domain?: number): LibvirtError {
  return new LibvirtError({ code, message, domain: domain ?? LibvirtErrorDomain.DOMAIN });
}

/** An error of a kind that libvirt always words the same way. */
export function invalidOperation(message: string): LibvirtError {
  const text = `Requested operation is not valid: ${message}`;
  return libvirtError(LibvirtErrorCode.OPERATION_INVALID, text, LibvirtErrorDomain.QEMU);
}

/** Parses and normalises a definition. Throws XML_DETAIL and XML_ERROR as the real one does. */
export function parseDefinition(text: string, newUuid: () => string): XmlElement {
  const root = parseOrThrow(text, '(domain_definition)');
  if (root.name !== 'domain') {
    throw xmlError(`expecting root element of 'domain', not '${root.name}'`);
  }
  if ((childOf(root, 'name')?.text ?? '') === '') throw xmlError('missing name element');
  if (descendant(root, 'os', 'type') === undefined) {
    throw xmlError('an os <type> must be specified');
  }
  const memory = childOf(root, 'memory');
  if (memory === undefined) throw xmlError('missing element or attribute');
  const uuid = childOf(root, 'uuid')?.text ?? newUuid();
  const kib = xml('memory', { unit: 'KiB' }, String(toKib(memory)));
  const current = childOf(root, 'currentMemory');
  const currentKib = current === undefined ? kib.text : String(toKib(current));
  const rest = root.children.filter(
    (child) => !['name', 'uuid', 'memory', 'currentMemory'].includes(child.name),
  );
  const name = xml('name', {}, childOf(root, 'name')?.text);
  const currentMemory = xml('currentMemory', { unit: 'KiB' }, currentKib);
  const head = [name, xml('uuid', {}, uuid), kib, currentMemory];
  const normal = withChildren(root, [...head, ...rest]);
  const devices = devicesOf(normal).map(normalDevice);
  checkUniqueAliases(devices);
  return withDevices(normal, devices);
}

/** Parses one device. */
export function parseDevice(text: string): XmlElement {
  return normalDevice(parseOrThrow(text, '(device_definition)'));
}

/** The devices of a definition. */
export function devicesOf(definition: XmlElement | undefined): readonly XmlElement[] {
  return childOf(definition, 'devices')?.children ?? [];
}

/** The same definition with other devices. */
export function withDevices(definition: XmlElement, devices: readonly XmlElement[]): XmlElement {
  const others = definition.children.filter((child) => child.name !== 'devices');
  return withChildren(definition, [...others, xml('devices', {}, ...devices)]);
}

/** The definition as it runs: numbered, with names for the host's side of interfaces. */
export function liveDefinition(definition: XmlElement, id: number): XmlElement {
  const devices = devicesOf(definition).map((device, index) => liveDevice(device, id, index));
  return withDevices(withAttributes(definition, { id }), devices);
}

/** A device as it is in a running domain; `index` makes host names unique. */
export function liveDevice(device: XmlElement, id: number, index: number): XmlElement {
  if (device.name === 'interface') {
    const others = device.children.filter((child) => child.name !== 'target');
    return withChildren(device, [...others, xml('target', { dev: `vnet${id}-${index}` })]);
  }
  if (device.name === 'serial') {
    return withChildren(device, [xml('source', { path: `/dev/pts/${id}` }), ...device.children]);
  }
  return device;
}

/** The running definition with the guest agent's channel open or closed at its other end. */
export function withAgentState(definition: XmlElement, connected: boolean): XmlElement {
  const devices = devicesOf(definition).map((device) => {
    const target = device.name === 'channel' ? childOf(device, 'target') : undefined;
    if (target === undefined) return device;
    const state = connected ? 'connected' : 'disconnected';
    const others = device.children.filter((child) => child !== target);
    return withChildren(device, [...others, withAttributes(target, { state })]);
  });
  return withDevices(definition, devices);
}

/** Adds a device; a second one with the same target or alias is refused. */
export function addDevice(definition: XmlElement, device: XmlElement): XmlElement {
  const target = descendant(device, 'target')?.attributes['dev'];
  const devices = [...devicesOf(definition), device];
  checkUniqueAliases(devices);
  if (device.name === 'disk' && findDevice(definition, device) !== undefined) {
    throw libvirtError(
      LibvirtErrorCode.OPERATION_FAILED,
      failed(`target ${target} already exists`),
    );
  }
  return withDevices(definition, devices);
}

/** Takes a device away. Throws DEVICE_MISSING. */
export function removeDevice(definition: XmlElement, device: XmlElement): XmlElement {
  const found = findDevice(definition, device);
  if (found === undefined) throw missingDevice(device);
  const left = devicesOf(definition).filter((candidate) => candidate !== found);
  return withDevices(definition, left);
}

/** Replaces a device by one with the same identity. Throws DEVICE_MISSING. */
export function replaceDevice(definition: XmlElement, device: XmlElement): XmlElement {
  const found = findDevice(definition, device);
  if (found === undefined) throw missingDevice(device);
  const next = devicesOf(definition).map((old) => (old === found ? device : old));
  return withDevices(definition, next);
}

/** The device that `wanted` means: a disk by its target, an interface by its MAC address. */
export function findDevice(definition: XmlElement, wanted: XmlElement): XmlElement | undefined {
  return devicesOf(definition).find(
    (device) => device.name === wanted.name && identity(device) === identity(wanted),
  );
}

/** The alias that a user gave, which is the only one that a definition keeps. */
export function aliasOf(device: XmlElement): string | undefined {
  return childOf(device, 'alias')?.attributes['name'];
}

/** The interface id of Open vSwitch in an interface. */
export function interfaceIdOf(device: XmlElement): string | undefined {
  const port = childOf(device, 'virtualport');
  return childOf(port, 'parameters')?.attributes['interfaceid'];
}

/** The error for a device that is not there. */
export function missingDevice(device: XmlElement): LibvirtError {
  const text = `device not found: no target device ${identity(device)}`;
  return libvirtError(LibvirtErrorCode.DEVICE_MISSING, text, LibvirtErrorDomain.QEMU);
}

/** How many more PCI Express devices can be plugged into a running domain. */
export function freePorts(definition: XmlElement): number {
  const devices = devicesOf(definition);
  const ports = devices.filter((device) => device.attributes['model'] === 'pcie-root-port');
  const users = devices.filter(
    (device) =>
      (device.name === 'disk' && childOf(device, 'target')?.attributes['bus'] === 'virtio') ||
      device.name === 'interface' ||
      device.name === 'rng' ||
      device.name === 'memballoon',
  );
  const serial = childrenOf(childOf(definition, 'devices'), 'channel').length > 0 ? 1 : 0;
  return ports.length - users.length - serial;
}

function identity(device: XmlElement): string {
  if (device.name === 'disk') return childOf(device, 'target')?.attributes['dev'] ?? '';
  if (device.name === 'interface') return childOf(device, 'mac')?.attributes['address'] ?? '';
  return aliasOf(device) ?? device.attributes['model'] ?? device.attributes['type'] ?? '';
}

/** Aliases that a user did not give are not kept (libvirt's rule: user aliases begin `ua-`). */
function normalDevice(device: XmlElement): XmlElement {
  if (aliasOf(device)?.startsWith('ua-') !== false) return device;
  return withChildren(
    device,
    device.children.filter((child) => child.name !== 'alias'),
  );
}

function checkUniqueAliases(devices: readonly XmlElement[]): void {
  const seen = new Set<string>();
  for (const alias of devices.map(aliasOf)) {
    if (alias === undefined) continue;
    if (seen.has(alias)) {
      const text = `unsupported configuration: non unique alias detected: ${alias}`;
      throw libvirtError(LibvirtErrorCode.CONFIG_UNSUPPORTED, text);
    }
    seen.add(alias);
  }
}

const KIB_PER_UNIT: Readonly<Record<string, number>> = {
  KiB: 1,
  MiB: 1_024,
  GiB: 1_048_576,
  TiB: 1_073_741_824,
};

function toKib(element: XmlElement): number {
  return Number(element.text) * (KIB_PER_UNIT[element.attributes['unit'] ?? 'KiB'] ?? 1);
}

function parseOrThrow(text: string, where: string): XmlElement {
  try {
    return parseXml(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw libvirtError(LibvirtErrorCode.XML_DETAIL, `${where}:1: ${message}`);
  }
}

function xmlError(message: string): LibvirtError {
  return libvirtError(LibvirtErrorCode.XML_ERROR, `XML error: ${message}`);
}

function failed(message: string): string {
  return `operation failed: ${message}`;
}
