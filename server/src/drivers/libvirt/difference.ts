/**
 * What brings a virtual machine on its node to what is wanted: seed, definition, devices of the
 * running guest, power. Pure. It asks for few steps at a time; the loop looks again after them.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { formatXml, type XmlElement } from '../../wire/libvirt/xml.js';
import { seedDocuments } from './cloud-init.js';
import {
  type DeviceFrame,
  DISK_ALIAS,
  type DomainFrame,
  diskXml,
  domainXml,
  type Marks,
  NIC_ALIAS,
  nicXml,
  portsTaken,
  SPARE_PORTS,
  scsiControllerXml,
} from './domain-xml.js';
import type { Decision, ObservedDomain, ObservedVm, VmAction } from './observed.js';
import { changesBetween, isSameDisk, isSameNic, type PlanChange, samePlan } from './plan.js';
import { decidePower, isOffWanted } from './power.js';
import type { PowerOrders } from './power-orders.js';
import type { DomainReading } from './read-domain.js';
import { macsOf, type Wanted } from './wanted.js';

/** A guest that does not let go of a device is asked again after this long. */
export const DETACH_AGAIN_MS = 10_000;

const MACHINE = 'q35';

/** The key, among what was asked of a guest, of letting go of a device. */
export function detachAttempt(device: string): string {
  return `detach ${device}`;
}

/** What the node gives to every definition. */
export interface NodeFrame {
  readonly bridge: string;
  readonly cacheMode: string;
  readonly consoleLogPath: string;
}

/** What a decision rests on. */
export interface DifferenceInput {
  readonly vm: VirtualMachine;
  readonly observed: ObservedVm;
  readonly wanted: Wanted;
  readonly node: NodeFrame;
  readonly orders: PowerOrders;
  readonly nowMs: number;
}

/** Decides what to do now. */
export function decideVm(input: DifferenceInput): Decision {
  const { vm, observed, wanted } = input;
  const { domain } = observed;
  if (domain === undefined) {
    const actions = wanted.waits.length > 0 ? [] : [...missingSeed(input), define(input)];
    return { ...NO_STEPS, actions, waits: wanted.waits };
  }
  const restartFor = domain.live === undefined ? [] : restartPaths(input, domain.live);
  const staysUp = !isOffWanted(vm) && restartFor.length === 0;
  const devices = domain.live !== undefined && staysUp ? liveSteps(input, domain.live) : NO_STEPS;
  const power = decidePower({
    vm,
    domain,
    marks: marksOf(input),
    attempts: observed.attempts,
    nowMs: input.nowMs,
    restartFor,
    orders: input.orders,
  });
  const isAttaching = devices.actions.some(({ kind }) => kind === 'attach');
  const definition = isAttaching ? [] : definitionSteps(input, domain);
  return {
    actions: [...devices.actions, ...definition, ...power.actions],
    waits: [...wanted.waits, ...devices.waits, ...power.waits],
    notes: power.notes,
    againAfterMs: earliest(devices.againAfterMs, power.againAfterMs),
  };
}

/** Paths of the fields whose new values wait for a boot. */
export function pendingPaths({ observed, wanted }: DifferenceInput): string[] {
  const live = observed.domain?.live;
  if (live === undefined) return [];
  const changes = changesBetween(wanted.plan, live.plan);
  const unplugged = missingDevices(wanted, live).slice(freePorts(live));
  return [
    ...unique(changes.filter(({ cost }) => cost === 'next-boot')),
    ...unplugged.map(({ path }) => path),
  ];
}

/** The marks that the domain has, or those of a new one. */
export function marksOf({ vm, observed }: Pick<DifferenceInput, 'vm' | 'observed'>): Marks {
  const known = observed.domain?.config.marks;
  return {
    power: known?.power ?? 'defined',
    restarts: known?.restarts ?? vm.status?.restartCount ?? 0,
    restartsInRow: known?.restartsInRow ?? 0,
    startedAtMs: known?.startedAtMs ?? 0,
    operationId: known?.operationId ?? '',
    vmId: vm.id,
    projectId: vm.projectId,
    generation: vm.generation,
  };
}

const NO_STEPS: Decision = { actions: [], waits: [], notes: [], againAfterMs: undefined };

/** What can only be changed by a restart; SATA disks can't be plugged in and out. */
function restartPaths({ wanted }: DifferenceInput, live: DomainReading): string[] {
  const changes = changesBetween(wanted.plan, live.plan).filter(({ cost }) => cost === 'restart');
  const names = new Set([...wanted.plan.disks.keys(), ...live.plan.disks.keys()]);
  const sata = [...names].filter((name) => {
    const before = live.plan.disks.get(name);
    const after = wanted.plan.disks.get(name);
    const isSata = before?.bus === 'sata' || (before === undefined && after?.bus === 'sata');
    return isSata && (after === undefined || !isSameDisk(after, before));
  });
  return [...unique(changes), ...sata.map((name) => `spec.disks["${name}"]`)];
}

function unique(changes: readonly PlanChange[]): string[] {
  return [...new Set(changes.map(({ path }) => path))];
}

/** The definition follows the wanted plan; seeds that nothing refers to any more go. */
function definitionSteps(input: DifferenceInput, domain: ObservedDomain): VmAction[] {
  const { observed, wanted } = input;
  const isStale =
    !domain.persistent ||
    domain.config.marks === undefined ||
    !samePlan(wanted.plan, domain.config.plan);
  if (isStale) return [...missingSeed(input), define(input)];
  const used = [wanted.plan, domain.config.plan, domain.live?.plan].map((plan) => plan?.seedPath);
  // The saved memory of a guest may still refer to one.
  const isSaved = domain.config.marks?.power === 'saved';
  const unused = isSaved ? [] : observed.seedPaths.filter((path) => !used.includes(path));
  return [...missingSeed(input), ...unused.map((path) => ({ kind: 'remove-seed', path }) as const)];
}

function missingSeed({ vm, observed, wanted }: DifferenceInput): VmAction[] {
  const path = wanted.plan.seedPath;
  const cloudInit = vm.spec?.provisioning?.cloudInit;
  if (path === undefined || cloudInit === undefined || observed.seedPaths.includes(path)) return [];
  const macs = macsOf(wanted.plan.nics);
  const documents = seedDocuments({ vmId: vm.id, hostname: vm.name, cloudInit, macs });
  return [{ kind: 'write-seed', path, documents }];
}

function define(input: DifferenceInput): VmAction {
  return { kind: 'define', xml: domainXml(input.wanted.plan, frameOf(input)) };
}

function frameOf(input: DifferenceInput): DomainFrame {
  const { observed, wanted, node } = input;
  const config = observed.domain?.config;
  return {
    ...node,
    marks: marksOf(input),
    machine: config?.machine || MACHINE,
    rootPorts: Math.max(config?.rootPorts ?? 0, portsTaken(wanted.plan) + SPARE_PORTS),
    addresses: mergeAddresses(config?.addresses, observed.domain?.live?.addresses),
  };
}

/** The places of devices: as defined, and for those plugged in since, as they run. */
function mergeAddresses(
  config: ReadonlyMap<string, XmlElement> = new Map(),
  live: ReadonlyMap<string, XmlElement> = new Map(),
): Map<string, XmlElement> {
  const merged = new Map(config);
  const taken = new Set([...config.values()].map(formatXml));
  for (const [alias, address] of live) {
    if (!merged.has(alias) && !taken.has(formatXml(address))) merged.set(alias, address);
  }
  return merged;
}

/** Plugging in and out while the guest runs. */
function liveSteps(input: DifferenceInput, live: DomainReading): Decision {
  const { plan } = input.wanted;
  const frame = { ...input.node, addresses: new Map<string, XmlElement>() };
  const leaving: Leaving[] = [];
  for (const [name, disk] of live.plan.disks) {
    if (isSameDisk(disk, plan.disks.get(name))) continue;
    const xml = formatXml(diskXml(name, disk, frame));
    leaving.push({ label: `disk ${name}`, device: DISK_ALIAS + name, xml });
  }
  for (const [name, nic] of live.plan.nics) {
    if (isSameNic(nic, plan.nics.get(name))) continue;
    const xml = formatXml(nicXml(name, nic, frame));
    leaving.push({ label: `interface ${name}`, device: NIC_ALIAS + name, xml });
  }
  const detaching = detachSteps(input, leaving);
  const actions = [...detaching.actions, ...attachSteps(input, live)];
  return { ...detaching, actions };
}

/** A device that the running guest shall let go of. */
interface Leaving {
  readonly label: string;
  readonly device: string;
  readonly xml: string;
}

function detachSteps({ observed, nowMs }: DifferenceInput, leaving: readonly Leaving[]): Decision {
  const actions: VmAction[] = [];
  const waits: string[] = [];
  let againAfterMs: number | undefined;
  // Asking takes seconds where a guest does not answer, so the pause begins after the last of all.
  const asked = [...observed.attempts].filter(([attempt]) => attempt.startsWith(detachAttempt('')));
  const lastMs = Math.max(...asked.map(([, atMs]) => atMs));
  const leftMs = lastMs + DETACH_AGAIN_MS - nowMs;
  for (const { label, device, xml } of leaving) {
    if (!observed.attempts.has(detachAttempt(device)) || leftMs <= 0) {
      actions.push({ kind: 'detach', device, xml });
    } else {
      waits.push(`the guest has not let go of ${label} yet`);
      againAfterMs = earliest(againAfterMs, leftMs);
    }
  }
  return { actions, waits, notes: [], againAfterMs };
}

/** Plugs in what the running guest lacks, as far as it has ports; the rest waits for a boot. */
function attachSteps({ wanted, node }: DifferenceInput, live: DomainReading): VmAction[] {
  const frame = { ...node, addresses: new Map<string, XmlElement>() };
  const missing = missingDevices(wanted, live).slice(0, freePorts(live));
  return missing.map(({ device, xmlOf }) => ({
    kind: 'attach',
    device,
    xml: formatXml(xmlOf(frame)),
  }));
}

interface MissingDevice {
  readonly path: string;
  readonly device: string;
  readonly xmlOf: (frame: DeviceFrame) => XmlElement;
}

/** What the running guest lacks; a device that replaces another waits until that is gone. */
function missingDevices({ plan }: Wanted, live: DomainReading): MissingDevice[] {
  const missing: MissingDevice[] = [];
  const disks = [...plan.disks].filter(([name]) => !live.plan.disks.has(name));
  if (disks.some(([, { bus }]) => bus === 'scsi') && !live.hasScsiController) {
    missing.push({ path: 'spec.disks', device: 'ua-scsi', xmlOf: scsiControllerXml });
  }
  for (const [name, disk] of disks) {
    if (disk.bus === 'sata') continue;
    missing.push({
      path: `spec.disks["${name}"]`,
      device: DISK_ALIAS + name,
      xmlOf: (frame) => diskXml(name, { ...disk, bootOrder: undefined }, frame),
    });
  }
  for (const [name, nic] of plan.nics) {
    if (live.plan.nics.has(name)) continue;
    missing.push({
      path: `spec.nics["${name}"]`,
      device: NIC_ALIAS + name,
      xmlOf: (frame) => nicXml(name, nic, frame),
    });
  }
  return missing;
}

/** PCI Express ports that nothing is plugged into. */
function freePorts(live: DomainReading): number {
  return Math.max(0, live.rootPorts - portsTaken(live.plan));
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
