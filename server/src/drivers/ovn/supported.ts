/** What of networks and ports the OVN drivers carry out. */
import type { SupportedPaths } from '../../resource/unsupported.js';

/** Of a network: an overlay with IPv4 and DHCP. */
export const networkPaths: SupportedPaths = [
  'spec.ipv4',
  'spec.dhcp.enabled',
  'spec.dhcp.lease_seconds',
  'spec.dhcp.dns_servers',
  'spec.dhcp.ntp_servers',
  'spec.dhcp.domain_name',
  'spec.mtu',
];

/** Of a port: its addresses and whether packets pass. */
export const portPaths: SupportedPaths = [
  'spec.network_id',
  'spec.mac_address',
  'spec.ip_addresses',
  'spec.port_security',
  'spec.enabled',
];
