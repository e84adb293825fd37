/**
 * The network L2: a virtual network that spans all nodes, with its subnet and DHCP.
 */
import { Construct, type IConstruct } from 'constructs';
import { header } from '../core/header.js';
import { requireCidr, requireInside, requireIpv4 } from '../core/ipv4.js';
import type { ProjectResourceProps } from '../core/resource-props.js';
import { type NetworkDhcp, Network as NetworkL1 } from '../gen/index.js';

/** A virtual network, declared here or elsewhere. */
export interface INetwork extends IConstruct {
  /** The network's id. */
  readonly networkId: string;

  /** The IPv4 subnet in CIDR notation; not known of a network that was declared elsewhere. */
  readonly cidr?: string;
}

/** A range of addresses. */
export interface AddressRange {
  /** The first address of it. */
  readonly first: string;

  /** The last address of it. */
  readonly last: string;
}

/** Properties of a network. */
export interface NetworkProps extends ProjectResourceProps {
  /** The IPv4 subnet in CIDR notation, such as `10.0.0.0/24`, from /8 to /30. */
  readonly cidr: string;

  /**
   * The address of the router that guests are told.
   *
   * @default - guests have no default route
   */
  readonly gateway?: string;

  /**
   * The ranges that addresses are assigned from. Fixed addresses may lie outside them.
   *
   * @default - the whole subnet
   */
  readonly allocationPools?: AddressRange[];

  /**
   * Addresses that are never assigned.
   *
   * @default - any address may be assigned
   */
  readonly reservedAddresses?: string[];

  /**
   * Whether DHCP answers.
   *
   * @default true
   */
  readonly dhcpEnabled?: boolean;

  /**
   * How long a guest may use its address before it asks DHCP again, in seconds.
   *
   * @default - an hour
   */
  readonly dhcpLeaseSeconds?: number;

  /**
   * The DNS servers that DHCP tells.
   *
   * @default - none
   */
  readonly dnsServers?: string[];

  /**
   * The NTP servers that DHCP tells.
   *
   * @default - none
   */
  readonly ntpServers?: string[];

  /**
   * The domain that guests search names in.
   *
   * @default - none
   */
  readonly domainName?: string;

  /**
   * The largest packet that guests may send, in bytes.
   *
   * @default - what fits into the underlay's packets of 1500 bytes: 1442
   */
  readonly mtuBytes?: number;
}

/**
 * A virtual network that spans all nodes.
 *
 * @resource limiquantix_network
 */
export class Network extends Construct implements INetwork {
  /** A network that was declared elsewhere. */
  public static fromNetworkId(scope: Construct, id: string, networkId: string): INetwork {
    return new ImportedNetwork(scope, id, networkId);
  }

  public readonly networkId: string;
  public readonly cidr?: string;

  /** The L1 beneath, for what this class has no property for. */
  public readonly resource: NetworkL1;

  public constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    checkAddresses(props);
    this.cidr = props.cidr;
    this.resource = new NetworkL1(this, 'Resource', {
      ...header(this, props),
      projectId: props.projectId,
      ipv4: {
        cidr: props.cidr,
        gateway: props.gateway,
        allocationPools: props.allocationPools,
        reservedAddresses: props.reservedAddresses,
      },
      dhcp: dhcp(props),
      mtu: props.mtuBytes,
    });
    this.networkId = this.resource.id;
  }
}

class ImportedNetwork extends Construct implements INetwork {
  public constructor(
    scope: Construct,
    id: string,
    public readonly networkId: string,
  ) {
    super(scope, id);
  }
}

function checkAddresses(props: NetworkProps): void {
  requireCidr('cidr', props.cidr);
  if (props.gateway !== undefined) requireInside('gateway', props.gateway, props.cidr);
  for (const { first, last } of props.allocationPools ?? []) {
    requireInside('allocationPools.first', first, props.cidr);
    requireInside('allocationPools.last', last, props.cidr);
  }
  for (const address of props.reservedAddresses ?? []) {
    requireInside('reservedAddresses', address, props.cidr);
  }
  for (const address of props.dnsServers ?? []) requireIpv4('dnsServers', address);
  for (const address of props.ntpServers ?? []) requireIpv4('ntpServers', address);
}

/** The DHCP settings that were given; nothing where none was. */
function dhcp(props: NetworkProps): NetworkDhcp | undefined {
  const settings: NetworkDhcp = {
    enabled: props.dhcpEnabled,
    leaseSeconds: props.dhcpLeaseSeconds,
    dnsServers: props.dnsServers,
    ntpServers: props.ntpServers,
    domainName: props.domainName,
  };
  return Object.values(settings).some((value) => value !== undefined) ? settings : undefined;
}
