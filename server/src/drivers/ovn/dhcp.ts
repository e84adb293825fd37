/**
 * What a network's guests are told by DHCP, in OVN's words (ovn-nb(5), DHCP_Options). Pure.
 * Addresses are not assigned here: ports carry the ones that IPAM decided.
 */
import {
  DhcpSpecSchema,
  type VirtualNetwork,
  VirtualNetworkSpecSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import { gatewayOf } from '../../decide/ipam.js';
import { effective } from '../../resource/default-values.js';
import { derivedMac, derivedUuid } from './identity.js';

/** The row that answers a network's guests. */
export interface WantedDhcp {
  readonly cidr: string;
  readonly options: Readonly<Record<string, string>>;
}

/** The uuid of a network's row. */
export function dhcpUuid(networkId: string): string {
  return derivedUuid(networkId, 'dhcp');
}

/** Whether the network's guests get answers at all. */
export function hasDhcp({ spec }: VirtualNetwork): boolean {
  return effective(DhcpSpecSchema, spec?.dhcp, 'enabled');
}

/** The row's content, or undefined where DHCP is off. */
export function wantedDhcp(network: VirtualNetwork): WantedDhcp | undefined {
  const { spec } = network;
  if (!spec?.ipv4 || !hasDhcp(network)) return undefined;
  const { gateway, cidr } = spec.ipv4;
  const domainName = spec.dhcp?.domainName;
  return {
    cidr,
    options: {
      server_id: gatewayOf(spec.ipv4),
      server_mac: derivedMac(network.id),
      lease_time: String(effective(DhcpSpecSchema, spec.dhcp, 'leaseSeconds')),
      mtu: String(effective(VirtualNetworkSpecSchema, spec, 'mtu')),
      ...(gateway === undefined ? {} : { router: gateway }),
      ...addresses('dns_server', spec.dhcp?.dnsServers),
      ...addresses('ntp_server', spec.dhcp?.ntpServers),
      ...(domainName === undefined ? {} : { domain_name: JSON.stringify(domainName) }),
    },
  };
}

/** OVN takes several addresses in braces. */
function addresses(option: string, list: readonly string[] = []): Record<string, string> {
  const [first, ...rest] = list;
  if (first === undefined) return {};
  return { [option]: rest.length === 0 ? first : `{${list.join(', ')}}` };
}
