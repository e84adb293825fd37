/** Whether a fleet's new machines find addresses: enough of them, and the fixed ones free. Pure. */
import { Code } from '@connectrpc/connect';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VirtualNetwork } from '@limiquantix/proto/network/v1/network_pb.js';
import { LimiError } from '../resource/error.js';
import { entryPath } from '../resource/field-access.js';
import { invalidFields } from '../resource/invalid-fields.js';
import { ipClaimKey } from '../resource/keys.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import { indexOf } from './fleet-machine.js';
import { addressesOf, refuseFixedAddress } from './ipam.js';

/** What is asked. */
export interface AddressesQuestion {
  /** Machines that aren't made yet. */
  readonly machines: readonly VirtualMachine[];
  readonly lookup: AdmissionLookup;
}

/** Throws RESOURCE_EXHAUSTED or INVALID_ARGUMENT where some machine would get no address. */
export function refuseAddresses({ machines, lookup }: AddressesQuestion): void {
  const wanted = new Map<string, number>();
  const fixed = new Set<string>();
  for (const vm of machines) {
    for (const [device, { source }] of Object.entries(vm.spec?.nics ?? {})) {
      if (source.case !== 'port') continue;
      const { networkId, ipAddresses } = source.value;
      wanted.set(networkId, (wanted.get(networkId) ?? 0) + 1);
      const [ip] = ipAddresses;
      if (ip === undefined) continue;
      const path = `${entryPath('spec.overrides', String(indexOf(vm)))}.ip_addresses`;
      const key = ipClaimKey(networkId, ip);
      const refusal = fixed.has(key) ? `${ip} is given twice` : refusalOf(lookup, networkId, ip);
      if (refusal !== undefined) {
        throw invalidFields([{ path: entryPath(path, device), message: refusal }]);
      }
      fixed.add(key);
    }
  }
  for (const [networkId, count] of wanted) refuseTooMany(lookup, networkId, count);
}

function refusalOf(lookup: AdmissionLookup, networkId: string, ip: string): string | undefined {
  const network = lookup.get<VirtualNetwork>('network', networkId);
  if (network?.spec?.ipv4 === undefined) return undefined;
  const holder = lookup.claimant(ipClaimKey(networkId, ip));
  if (holder === undefined) return refuseFixedAddress(network.spec.ipv4, ip);
  const name = lookup.get('port', holder)?.name ?? holder;
  return `${ip} is taken in network ${network.name} by port ${name}; give another`;
}

function refuseTooMany(lookup: AdmissionLookup, networkId: string, wanted: number): void {
  const network = lookup.get<VirtualNetwork>('network', networkId);
  if (network?.spec?.ipv4 === undefined) return;
  const free = addressesOf(network.spec.ipv4) - lookup.referrers('port', networkId).length;
  if (wanted <= free) return;
  const message = `needs ${wanted} addresses of network ${network.name}, which has ${free} left; ${wanted - free} are missing`;
  throw new LimiError({
    code: Code.ResourceExhausted,
    reason: 'NO_ADDRESS_LEFT',
    message: `spec.replicas ${message}`,
    violations: [{ path: 'spec.replicas', message }],
  });
}
