/** Which store keys a resource is the only one to have, by what is in it. Pure. */
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { ipClaimKey, macClaimKey } from '../resource/keys.js';
import type { AnyResource, TypeName } from '../resource/resource.js';

/** The claims of a stored resource: a port's addresses. */
export function claimsOf(type: TypeName, resource: AnyResource): readonly string[] {
  if (type !== 'port') return [];
  const { spec, status } = resource as unknown as Port;
  if (status === undefined || status.macAddress === '') return [];
  const networkId = spec?.networkId ?? '';
  const addresses = status.ipAddresses.map((ip) => ipClaimKey(networkId, ip));
  return [macClaimKey(status.macAddress), ...addresses];
}
