/**
 * What a virtual machine is made from: a template, or another machine whose disks are copied. Pure.
 * The source is read once, when the machine is created; later changes of it don't reach the
 * machine.
 */
import { clone, create } from '@bufbuild/protobuf';
import {
  DiskProvisioningSchema,
  type DiskSpec,
  DiskSpecSchema,
  DiskVolumeSpecSchema,
  NicPortSpecSchema,
  type NicSpec,
  NicSpecSchema,
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
  type VirtualMachineSpec,
  VirtualMachineSpecSchema,
  type VirtualMachineStatus,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { VolumeProvisioningSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { sameWord } from '../resource/inline-spec.js';
import { invalidFields } from '../resource/invalid-fields.js';
import type { Lookup } from '../resource/lookup.js';
import { overlay } from '../resource/overlay.js';
import type { AdmissionInput } from './admission.js';
import { fillTemplate } from './template.js';
import { wholeSpecOf } from './whole-spec.js';

type Input = AdmissionInput<VirtualMachine>;

/** What is kept in a machine's status of where it comes from; empty without a source. */
export type Resolved = Partial<Pick<VirtualMachineStatus, 'sourceSpec' | 'resolvedSpec'>>;

/**
 * Resolves a machine's source. Throws INVALID_ARGUMENT where parameters don't fit, or where what
 * comes together breaks a rule.
 */
export function resolveSource(input: Input): Resolved {
  const { next, previous, validate } = input;
  if (next.spec?.source === undefined) return {};
  const sourceSpec = previous?.status?.sourceSpec ?? specOfSource(input);
  const { source: _source, ...own } = next.spec;
  const resolvedSpec = overlay(VirtualMachineSpecSchema, sourceSpec, own);
  const { status: _status, ...header } = next;
  validate(VirtualMachineSchema, create(VirtualMachineSchema, { ...header, spec: resolvedSpec }));
  return { sourceSpec, resolvedSpec };
}

function specOfSource({ next, lookup, validate }: Input): VirtualMachineSpec {
  const { source, parameters = {} } = next.spec?.source ?? {};
  const path = 'spec.source.parameters';
  if (source?.case === 'templateId') {
    const template = lookup.get<VmTemplate>('vm_template', source.value);
    if (template !== undefined) return fillTemplate({ template, parameters, path, validate });
  }
  if (Object.keys(parameters).length > 0) {
    throw invalidFields([{ path, message: 'can be given for a template only' }]);
  }
  const vm = lookup.get<VirtualMachine>('vm', source?.value ?? '');
  return vm === undefined ? create(VirtualMachineSpecSchema) : specOfCopy(vm, lookup);
}

/**
 * What another machine gives: all but what only one can have. Its disks become copies, its
 * addresses are left to be assigned, and whether it runs is its own matter.
 */
function specOfCopy(vm: VirtualMachine, lookup: Lookup): VirtualMachineSpec {
  const spec = clone(VirtualMachineSpecSchema, wholeSpecOf(vm) ?? create(VirtualMachineSpecSchema));
  const { source: _source, ...rest } = spec;
  const disks = Object.entries(spec.disks).map(([device, disk]) => {
    return [device, copyOfDisk({ vm, device, disk, lookup })] as const;
  });
  const nics = Object.entries(spec.nics).map(([device, nic]) => [device, copyOfNic(nic, lookup)]);
  return create(VirtualMachineSpecSchema, {
    ...rest,
    powerState: PowerState.UNSPECIFIED,
    disks: Object.fromEntries(disks),
    nics: Object.fromEntries(nics),
  });
}

interface DiskOfVm {
  readonly vm: VirtualMachine;
  readonly device: string;
  readonly disk: DiskSpec;
  readonly lookup: Lookup;
}

function copyOfDisk({ vm, device, disk, lookup }: DiskOfVm): DiskSpec {
  const volume =
    disk.source.case === 'volumeId'
      ? lookup.get<Volume>('volume', disk.source.value)
      : lookup
          .referrers<Volume>('volume', vm.id)
          .find(({ owner }) => owner?.id === vm.id && owner.device === device);
  if (volume?.spec === undefined || volume.deletionRequestedAt !== undefined) {
    const message = `is vm ${vm.name}, whose disk ${device} has no volume now; try again`;
    throw invalidFields([{ path: 'spec.source.vm_id', message }]);
  }
  const { poolId, sizeGib, provisioning: given = 0 } = volume.spec;
  const provisioning =
    sameWord(VolumeProvisioningSchema, given, DiskProvisioningSchema) || undefined;
  const fields = { poolId, sizeGib, sourceVolumeId: volume.id };
  const value = create(DiskVolumeSpecSchema, { ...fields, ...(provisioning && { provisioning }) });
  return create(DiskSpecSchema, { ...disk, source: { case: 'volume', value } });
}

function copyOfNic(nic: NicSpec, lookup: Lookup): NicSpec {
  const given =
    nic.source.case === 'portId'
      ? lookup.get<Port>('port', nic.source.value)?.spec
      : nic.source.value;
  const { networkId = '', securityGroupIds = [] } = given ?? {};
  const value = create(NicPortSpecSchema, { networkId, securityGroupIds });
  const source = { case: 'port', value } as const;
  return create(NicSpecSchema, { ...nic, source });
}
