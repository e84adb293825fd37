/**
 * What a domain shall be, in libvirt's terms but free of XML: the one shape that the wanted, the
 * defined and the running domain are all brought into, so that they can be compared. Pure.
 */

/** How instructions are executed. */
export type Accelerator = 'kvm' | 'qemu';

/** A disk; `target` is the hypervisor's name for it, such as `vda`. */
export interface PlannedDisk {
  readonly path: string;
  readonly format: string;
  readonly target: string;
  readonly bus: DiskBusName;
  readonly readOnly: boolean;
  readonly serial: string;
  readonly bootOrder: number | undefined;
}

/** libvirt's names for the controllers of disks. */
export type DiskBusName = 'virtio' | 'scsi' | 'sata';

/** A network interface, plugged into the port by Open vSwitch. */
export interface PlannedNic {
  readonly portId: string;
  readonly mac: string;
  readonly model: string;
  readonly mtu: number | undefined;
  /** Off where the datapath would pass on packets whose checksum nobody filled in. */
  readonly checksumOffload: boolean;
}

/** A VNC server on a unix socket of the node. */
export interface PlannedVnc {
  readonly password: string | undefined;
}

/** A domain without its identity and without what libvirt adds by itself. */
export interface DomainPlan {
  readonly accelerator: Accelerator;
  readonly title: string;
  readonly cores: number;
  readonly sockets: number;
  readonly threadsPerCore: number;
  readonly memoryKib: number;
  readonly disks: ReadonlyMap<string, PlannedDisk>;
  readonly nics: ReadonlyMap<string, PlannedNic>;
  readonly seedPath: string | undefined;
  readonly vnc: PlannedVnc | undefined;
}

/** What it takes to bring a changed value into a running guest. */
export type Cost = 'silent' | 'next-boot' | 'restart';

/** A value that differs between two plans. */
export interface PlanChange {
  /** The path of the user's field, such as `spec.cpu.cores`. */
  readonly path: string;
  readonly cost: Cost;
}

/** Whether two plans say the same of everything. */
export function samePlan(a: DomainPlan, b: DomainPlan): boolean {
  return (
    changesBetween(a, b).length === 0 &&
    sameKeys(a.disks, b.disks) &&
    sameKeys(a.nics, b.nics) &&
    [...a.disks].every(([name, disk]) => isSameDisk(disk, b.disks.get(name))) &&
    [...a.nics].every(([name, nic]) => isSameNic(nic, b.nics.get(name)))
  );
}

/** The values that differ, but for devices that only one of the plans has. */
export function changesBetween(wanted: DomainPlan, actual: DomainPlan): PlanChange[] {
  const changes: PlanChange[] = [];
  const compare = (path: string, cost: Cost, of: (plan: DomainPlan) => unknown) => {
    if (of(wanted) !== of(actual)) changes.push({ path, cost });
  };
  compare('spec.cpu.cores', 'restart', (plan) => plan.cores);
  compare('spec.cpu.sockets', 'restart', (plan) => plan.sockets);
  compare('spec.cpu.threads_per_core', 'restart', (plan) => plan.threadsPerCore);
  compare('spec.memory.size_mib', 'restart', (plan) => plan.memoryKib);
  compare('spec.provisioning.cloud_init', 'next-boot', (plan) => seedInputs(plan.seedPath));
  compare('spec.provisioning.cloud_init', 'silent', (plan) => plan.seedPath);
  compare('spec.display.vnc', 'next-boot', (plan) => plan.vnc !== undefined);
  compare('spec.display.vnc.password', 'next-boot', (plan) => plan.vnc?.password);
  compare('name', 'silent', (plan) => plan.title);
  compare('status.accelerator', 'silent', (plan) => plan.accelerator);
  for (const [name, disk] of wanted.disks) {
    const other = actual.disks.get(name);
    if (isSameDisk(disk, other)) changes.push(...diskChanges(name, disk, other));
  }
  for (const [name, nic] of wanted.nics) {
    const other = actual.nics.get(name);
    if (isSameNic(nic, other)) changes.push(...nicChanges(name, nic, other));
  }
  return changes;
}

/** Whether both are the same disk, whatever else differs. */
export function isSameDisk(a: PlannedDisk, b: PlannedDisk | undefined): b is PlannedDisk {
  return b !== undefined && a.path === b.path && a.format === b.format;
}

/** Whether both are the same interface, whatever else differs. */
export function isSameNic(a: PlannedNic, b: PlannedNic | undefined): b is PlannedNic {
  return b !== undefined && a.portId === b.portId && a.mac === b.mac;
}

/** The part of a seed's path that changes with the user's documents; see `seedPathOf`. */
function seedInputs(path: string | undefined): string | undefined {
  return path?.split('/').at(-1)?.split('-')[1];
}

function diskChanges(name: string, a: PlannedDisk, b: PlannedDisk): PlanChange[] {
  const path = `spec.disks["${name}"]`;
  const changes: PlanChange[] = [];
  if (a.bus !== b.bus) changes.push({ path: `${path}.bus`, cost: 'restart' });
  if (a.readOnly !== b.readOnly) changes.push({ path: `${path}.read_only`, cost: 'restart' });
  if (a.serial !== b.serial) changes.push({ path: `${path}.serial`, cost: 'next-boot' });
  if (a.bootOrder !== b.bootOrder) changes.push({ path: `${path}.boot_index`, cost: 'next-boot' });
  if (a.target !== b.target) changes.push({ path, cost: 'silent' });
  return changes;
}

function nicChanges(name: string, a: PlannedNic, b: PlannedNic): PlanChange[] {
  const path = `spec.nics["${name}"]`;
  const changes: PlanChange[] = [];
  if (a.model !== b.model) changes.push({ path: `${path}.model`, cost: 'restart' });
  if (a.mtu !== b.mtu) changes.push({ path, cost: 'next-boot' });
  if (a.checksumOffload !== b.checksumOffload) changes.push({ path, cost: 'silent' });
  return changes;
}

function sameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}
