/**
 * What today's drivers carry out, type by type. A type that isn't named here needs no backend. What
 * is not carried out is refused by name: by the condition Ready of the resource, and by the verdict
 * of `validate_only` before that.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { withWholeSpec } from '../decide/whole-spec.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { type Support, type SupportedPaths, unsupportedPaths } from '../resource/unsupported.js';
import { poolPaths, volumePaths } from './directory/supported.js';
import { imagePaths } from './library/supported.js';
import { vmPaths } from './libvirt/supported.js';
import { networkPaths, portPaths } from './ovn/supported.js';

const nothing: SupportedPaths = [];

const paths: ReadonlyMap<TypeName, SupportedPaths> = new Map([
  ['vm', vmPaths],
  ['vm_snapshot', nothing],
  ['vm_fleet', nothing],
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
    const supported = paths.get(type.type);
    if (supported === undefined) return undefined;
    if (supported.length === 0) {
      const what = type.plural.replaceAll('_', ' ');
      const message = `this version has no driver for ${what}; remove it, or try it on simulated hosts (limiquantix server --simulate)`;
      return { paths: [], message };
    }
    const found = refusedPaths(type, resource, supported);
    if (found.length === 0) return undefined;
    const what = found.join(', ');
    const it = found.length === 1 ? 'it' : 'them';
    const message = `this version's drivers can't carry out ${what}; take ${it} out`;
    return { paths: found, message };
  },
  isObject: () => false,
};

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
