/**
 * What today's drivers carry out, type by type. A type that isn't named here needs no backend. What
 * is not carried out is refused by name: by the condition Ready of the resource, and by the verdict
 * of `validate_only` before that.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import {
  type VirtualMachine,
  VirtualMachineSchema,
  VirtualMachineSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { withWholeSpec } from '../decide/whole-spec.js';
import { entryPath } from '../resource/field-access.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import {
  type Refusal,
  type Support,
  type SupportedPaths,
  unsupportedPaths,
} from '../resource/unsupported.js';
import { poolPaths, volumePaths } from './directory/supported.js';
import { imagePaths } from './library/supported.js';
import { vmPaths } from './libvirt/supported.js';
import { networkPaths, portPaths } from './ovn/supported.js';

const nothing: SupportedPaths = [];

const paths: ReadonlyMap<TypeName, SupportedPaths> = new Map([
  ['vm', vmPaths],
  ['vm_snapshot', nothing],
  ['network', networkPaths],
  ['port', portPaths],
  ['router', nothing],
  ['security_group', nothing],
  ['floating_ip', nothing],
  ['load_balancer', nothing],
  ['vpn', nothing],
  ['bgp_speaker', nothing],
  ['bgp_peer', nothing],
  ['storage_pool', poolPaths],
  ['volume', volumePaths],
  ['volume_snapshot', nothing],
  ['image', imagePaths],
  ['backup_policy', nothing],
]);

/** The support of real backends. */
export const realSupport: Support = {
  refusal(type, resource) {
    if (type.type === 'vm_fleet') return fleetRefusal(resource as VmFleet);
    const supported = paths.get(type.type);
    if (supported === undefined) return undefined;
    if (supported.length === 0) {
      const what = type.plural.replaceAll('_', ' ');
      const message = `this version has no driver for ${what}; remove it, or try it on simulated hosts (limiquantix server --simulate)`;
      return { paths: [], message };
    }
    return refusalOf(refusedPaths(type, resource, supported));
  },
  isObject: () => false,
};

function refusalOf(found: readonly string[]): Refusal | undefined {
  if (found.length === 0) return undefined;
  const what = found.join(', ');
  const it = found.length === 1 ? 'it' : 'them';
  const message = `this version's drivers can't carry out ${what}; take ${it} out`;
  return { paths: found, message };
}

/** A fleet is carried out as far as its machines are. */
function fleetRefusal({ spec }: VmFleet): Refusal | undefined {
  const type = contractTypes.get('vm');
  const pathsOf = (vm: MessageInitShape<typeof VirtualMachineSpecSchema>, at: string) => {
    const machine = create(VirtualMachineSchema, { spec: create(VirtualMachineSpecSchema, vm) });
    return unsupportedPaths(type, machine, vmPaths).map((path) => path.replace(/^spec/, at));
  };
  const found = spec?.template.case === 'vm' ? pathsOf(spec.template.value, 'spec.vm') : [];
  for (const [index, { powerState, cpu, memory }] of Object.entries(spec?.overrides ?? {})) {
    const vm = { powerState, ...(cpu && { cpu }), ...(memory && { memory }) };
    found.push(...pathsOf(vm, entryPath('spec.overrides', index)));
  }
  return refusalOf(found.slice(0, fleetPathsMax));
}

const fleetPathsMax = 20;

/** What can't be carried out of a spec; of a machine, with all that its source gives. */
function refusedPaths(
  type: ResourceType,
  resource: AnyResource,
  supported: SupportedPaths,
): readonly string[] {
  if (type.type !== 'vm') return unsupportedPaths(type, resource, supported);
  const vm = resource as VirtualMachine;
  const found = unsupportedPaths(type, withWholeSpec(vm), supported);
  if (vm.spec?.source?.source.case !== 'vmId') return found;
  const isCopy = (path: string): boolean => path.endsWith('.volume.source_volume_id');
  return [...new Set(found.map((path) => (isCopy(path) ? 'spec.source.vm_id' : path)))];
}

/**
 * In-memory backends take everything. What of a spec has no driver is kept and has no effect; an
 * image that the library can't fetch counts as fetched.
 */
export const fullSupport: Support = {
  refusal: () => undefined,
  isObject: (type, resource) =>
    type.type === 'image' && realSupport.refusal(type, resource) !== undefined,
};
