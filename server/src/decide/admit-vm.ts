/**
 * Admission of a virtual machine: the volumes and ports that it brings along, with their addresses,
 * in the same transaction; and what can never work is refused here, before anything is stored.
 */
import { create, equals } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type NicSpec,
  type NicStatus,
  NicStatusSchema,
  type VirtualMachine,
  VirtualMachinePhase,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { PortSchema, PortSpecSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import {
  type Volume,
  VolumeSchema,
  VolumeSpecSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { AdmissionInput, AdmissionResult, ChildWrite, Claim } from './admission.js';
import { decidePort } from './admit-port.js';
import { refuseSmallVolume } from './admit-volume.js';
import { constraintsOf, demandOf } from './candidates.js';
import { diskVolumeSpec, nicPortSpec } from './device-specs.js';
import { refusePoolElsewhere, refuseVolumeElsewhere } from './disk-place.js';
import { refuseImpossible } from './placement.js';
import { growthOfVm } from './vm-growth.js';
import { type Resolved, resolveSource } from './vm-source.js';
import { usesDevice, withWholeSpec } from './whole-spec.js';

type Input = AdmissionInput<VirtualMachine>;

interface Devices {
  readonly children: ChildWrite[];
  readonly claims: Claim[];
  readonly releases: Claim[];
}

/** Decides on a virtual machine. */
export function admitVm(given: Input): AdmissionResult<VirtualMachine> {
  const { next, previous } = given;
  const resolved = resolveSource(given);
  const input = wholeInput(given, resolved);
  refuseTooLarge(input);
  const devices: Devices = { children: [], claims: [], releases: [] };
  admitDisks(input, devices);
  const nics = admitNics(input, devices);
  const status = create(VirtualMachineStatusSchema, {
    ...(previous?.status ?? { phase: VirtualMachinePhase.PENDING }),
    ...resolved,
    nics,
  });
  const growth = growthOfVm(input.next, input.previous);
  return { resource: { ...next, status }, ...devices, growth };
}

/** The input as if the user had written what the machine's source gives. */
function wholeInput(input: Input, { resolvedSpec }: Resolved): Input {
  if (resolvedSpec === undefined) return input;
  const { next, previous } = input;
  const { status = create(VirtualMachineStatusSchema), ...header } = next;
  return {
    ...input,
    next: withWholeSpec({ ...header, status: { ...status, resolvedSpec } }),
    previous: previous && withWholeSpec(previous),
  };
}

/** Refuses what would fit on no node, even an empty one. */
function refuseTooLarge({ next, lookup, capacity }: Input): void {
  if (next.spec === undefined) return;
  const candidates = capacity.candidates().filter(({ reported }) => reported);
  const reasons = refuseImpossible(demandOf(next.spec), constraintsOf(next, lookup), candidates);
  if (reasons === undefined) return;
  const byMemory = reasons.some((reason) => reason.includes('memory'));
  const byCpu = reasons.some((reason) => reason.includes('vCPU'));
  const path = byMemory ? 'spec.memory.size_mib' : byCpu ? 'spec.cpu.cores' : 'spec.placement';
  const message = `no node can ever take this machine: ${reasons.slice(0, 8).join('; ')}`;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'NO_NODE_FITS',
    message,
    violations: [{ path, message }],
  });
}

function admitDisks(input: Input, devices: Devices): void {
  const { next, lookup } = input;
  const owned = ownedBy<Volume>(input, 'volume');
  for (const [device, disk] of Object.entries(next.spec?.disks ?? {})) {
    const path = `spec.disks["${device}"]`;
    if (disk.source.case === 'volumeId') {
      const named = { id: disk.source.value, path: `${path}.volume_id` };
      refuseShared(input, { type: 'volume', ...named });
      refuseVolumeElsewhere(input, named);
      continue;
    }
    if (disk.source.case !== 'volume') continue;
    const existing = owned.get(device);
    const spec = diskVolumeSpec(disk.source.value, existing?.spec);
    if (existing === undefined) {
      refusePoolElsewhere(input, { poolId: spec.poolId, path: `${path}.volume.pool_id` });
    }
    refuseSmallVolume({ spec, previous: existing?.spec, lookup, path: `${path}.volume` });
    writeChild(input, devices, {
      type: 'volume',
      device,
      existing,
      changed: !equals(VolumeSpecSchema, existing?.spec ?? create(VolumeSpecSchema), spec),
      make: (header) => create(VolumeSchema, { ...header, spec }),
    });
    owned.delete(device);
  }
  for (const volume of owned.values()) dropVolume(input, devices, volume);
}

/** A disk that is no longer in the spec: its volume goes with it, or stays as one of its own. */
function dropVolume({ previous }: Input, devices: Devices, volume: Volume): void {
  const disk = previous?.spec?.disks[volume.owner?.device ?? ''];
  if (disk?.source.case === 'volume' && disk.source.value.keep) {
    const { owner: _, ...free } = volume;
    devices.children.push({ kind: 'update', type: 'volume', resource: free as AnyResource });
  } else {
    devices.children.push({ kind: 'delete-request', type: 'volume', resource: volume });
  }
}

function admitNics(input: Input, devices: Devices): Record<string, NicStatus> {
  const { next, lookup, random } = input;
  const owned = ownedBy<Port>(input, 'port');
  const nics: Record<string, NicStatus> = {};
  const alsoTaken = new Set<string>();
  for (const [device, nic] of fixedFirst(next)) {
    const path = `spec.nics["${device}"]`;
    if (nic.source.case === 'portId') {
      refuseShared(input, { type: 'port', id: nic.source.value, path: `${path}.port_id` });
      nics[device] = nicStatusOf(lookup.get<Port>('port', nic.source.value));
      continue;
    }
    if (nic.source.case !== 'port') continue;
    const existing = owned.get(device);
    const spec = nicPortSpec(nic.source.value, existing?.spec);
    const port = writeChild(input, devices, {
      type: 'port',
      device,
      existing,
      changed: existing?.spec === undefined || !equals(PortSpecSchema, existing.spec, spec),
      make: (header) => {
        const made = create(PortSchema, { ...header, spec });
        const question = {
          port: made,
          previous: existing,
          lookup,
          random,
          path: `${path}.port`,
          alsoTaken,
        };
        const decided = decidePort(question);
        devices.claims.push(...decided.claims);
        devices.releases.push(...decided.releases);
        return { ...made, status: decided.status };
      },
    });
    for (const ip of port.status?.ipAddresses ?? []) alsoTaken.add(ip);
    nics[device] = nicStatusOf(port);
    owned.delete(device);
  }
  for (const port of owned.values()) {
    devices.children.push({ kind: 'delete-request', type: 'port', resource: port });
  }
  return nics;
}

/**
 * The interfaces, those with fixed addresses first, so that none of them is assigned to another.
 */
function fixedFirst(vm: VirtualMachine): [string, NicSpec][] {
  const isFixed = ([, nic]: [string, NicSpec]): boolean =>
    nic.source.case === 'port' && nic.source.value.ipAddresses.length > 0;
  const all = Object.entries(vm.spec?.nics ?? {});
  return [...all.filter(isFixed), ...all.filter((entry) => !isFixed(entry))];
}

interface Child<R extends AnyResource> {
  readonly type: TypeName;
  readonly device: string;
  readonly existing: R | undefined;
  readonly changed: boolean;
  readonly make: (header: object) => R;
}

/**
 * Adds the write that makes or changes a child, if it needs one; returns the child as it will be.
 */
function writeChild<R extends AnyResource>(input: Input, devices: Devices, child: Child<R>): R {
  const { next, newId } = input;
  if (child.existing !== undefined) {
    if (!child.changed) return child.existing;
    const updated = child.make({ ...child.existing });
    devices.children.push({ kind: 'update', type: child.type, resource: updated });
    return updated;
  }
  const id = newId();
  const created = child.make({
    id,
    name: childName(input, child.type, { device: child.device, id }),
    projectId: next.projectId,
    owner: { type: 'vm', id: next.id, device: child.device },
  });
  devices.children.push({ kind: 'create', type: child.type, resource: created });
  return created;
}

/** `<machine>-<device>`, or with the end of the child's id where that name is taken. */
function childName(
  { next, lookup }: Input,
  type: TypeName,
  child: { device: string; id: string },
): string {
  const tail = child.device.replaceAll('_', '-').replace(/-+$/, '');
  const name = `${next.name.slice(0, 62 - tail.length)}-${tail}`;
  const isTaken = lookup.findByName({ type, projectId: next.projectId, name }) !== undefined;
  return isTaken ? `${name.slice(0, 50)}-${child.id.slice(-12)}` : name;
}

function ownedBy<R extends AnyResource>(
  { next, previous, lookup }: Input,
  type: TypeName,
): Map<string, R> {
  if (previous === undefined) return new Map();
  const owned = lookup
    .referrers<R>(type, next.id)
    .filter((child) => child.owner?.id === next.id && child.deletionRequestedAt === undefined);
  return new Map(owned.map((child) => [child.owner?.device ?? '', child]));
}

/** Refuses a volume or port that another machine has. */
function refuseShared(
  { next, lookup }: Input,
  device: { type: TypeName; id: string; path: string },
): void {
  const owner = lookup.get(device.type, device.id)?.owner?.id;
  const users = lookup
    .referrers<VirtualMachine>('vm', device.id)
    .filter((vm) => usesDevice(vm, device.id))
    .map((vm) => vm.id);
  const other = [...users, owner].find((id) => id !== undefined && id !== next.id);
  if (other === undefined) return;
  const name = lookup.get('vm', other)?.name ?? other;
  const message = `${device.type} ${device.id} is already used by vm ${name}; take it off there first`;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'IN_USE',
    message,
    violations: [{ path: device.path, message }],
  });
}

function nicStatusOf(port: Port | undefined): NicStatus {
  return create(NicStatusSchema, {
    portId: port?.id ?? '',
    macAddress: port?.status?.macAddress ?? '',
    ipAddresses: port?.status?.ipAddresses ?? [],
  });
}
