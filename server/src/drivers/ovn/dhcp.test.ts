import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  VirtualNetworkSchema,
  type VirtualNetworkSpecSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import { dhcpUuid, wantedDhcp } from './dhcp.js';
import { derivedMac } from './identity.js';

const id = '0190a000-0000-7000-8000-000000000001';
const network = (spec: MessageInitShape<typeof VirtualNetworkSpecSchema>) =>
  create(VirtualNetworkSchema, { id, name: 'net', spec });

describe('what guests are told by DHCP', () => {
  it('has the defaults where nothing is said', () => {
    expect(wantedDhcp(network({ ipv4: { cidr: '10.1.0.0/24' } }))).toEqual({
      cidr: '10.1.0.0/24',
      options: {
        server_id: '10.1.0.1',
        server_mac: derivedMac(id),
        lease_time: '3600',
        mtu: '1442',
      },
    });
  });

  it('has all that is said, in the words of OVN', () => {
    const dhcp = {
      leaseSeconds: 600,
      dnsServers: ['1.1.1.1', '8.8.8.8'],
      ntpServers: ['10.1.0.3'],
      domainName: 'example.test',
    };
    const ipv4 = { cidr: '10.1.0.0/24', gateway: '10.1.0.254' };
    expect(wantedDhcp(network({ ipv4, dhcp, mtu: 1400 }))?.options).toEqual({
      server_id: '10.1.0.254',
      server_mac: derivedMac(id),
      lease_time: '600',
      mtu: '1400',
      router: '10.1.0.254',
      dns_server: '{1.1.1.1, 8.8.8.8}',
      ntp_server: '10.1.0.3',
      domain_name: '"example.test"',
    });
  });

  it('is nothing where DHCP is off', () => {
    const ipv4 = { cidr: '10.1.0.0/24' };
    expect(wantedDhcp(network({ ipv4, dhcp: { enabled: false } }))).toBeUndefined();
  });
});

describe('what is derived from an id', () => {
  it('is the same each time, well formed, and different for another id', () => {
    expect(derivedMac(id)).toBe(derivedMac(id));
    expect(derivedMac(id)).toMatch(/^0a(:[0-9a-f]{2}){5}$/);
    expect(dhcpUuid(id)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(dhcpUuid(id)).not.toBe(dhcpUuid(id.replace('1', '2')));
  });
});
