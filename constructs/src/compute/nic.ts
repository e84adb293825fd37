/**
 * The kinds of network interface that a virtual machine can have: plugged into a new port of a
 * network, or into a port that exists.
 */
import { Token } from 'cdktf';
import { requireInside, requireIpv4 } from '../core/ipv4.js';
import type { VmNics } from '../gen/index.js';
import type { INetwork } from '../network/network.js';

const MAC_PATTERN = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/;

/** The card of a network interface. */
export enum NicModel {
  /** virtio-net. */
  VIRTIO = 'virtio',
  /** Intel 82540EM, for guests without virtio drivers. */
  E1000 = 'e1000',
  /** Intel 82574L, for guests without virtio drivers. */
  E1000E = 'e1000e',
}

/** How an interface shows in the guest. */
export interface NicOptions {
  /**
   * The card that the guest sees.
   *
   * @default NicModel.VIRTIO
   */
  readonly model?: NicModel;
}

/** An interface with a port that is made with the machine. */
export interface NewNicOptions extends NicOptions {
  /**
   * A fixed IPv4 address in the network.
   *
   * @default - LimiQuantix assigns one before the machine boots
   */
  readonly ipAddress?: string;

  /**
   * The MAC address, in lower case with colons.
   *
   * @default - LimiQuantix assigns one
   */
  readonly macAddress?: string;
}

/** A network interface of a virtual machine. */
export class Nic {
  /** An interface in a network. */
  public static fromNetwork(network: INetwork, options: NewNicOptions = {}): Nic {
    const { ipAddress, macAddress } = options;
    if (ipAddress !== undefined) {
      if (network.cidr === undefined) requireIpv4('ipAddress', ipAddress);
      else requireInside('ipAddress', ipAddress, network.cidr);
    }
    if (macAddress !== undefined && !Token.isUnresolved(macAddress)) requireMac(macAddress);
    return new Nic({
      port: {
        networkId: network.networkId,
        macAddress,
        ipAddresses: ipAddress === undefined ? undefined : [ipAddress],
      },
      model: options.model,
    });
  }

  /** An interface in a port that exists. The port stays when the machine goes. */
  public static fromPortId(portId: string, options: NicOptions = {}): Nic {
    return new Nic({ portId, model: options.model });
  }

  /** @internal */
  public readonly _attributes: VmNics;

  private constructor(attributes: VmNics) {
    this._attributes = attributes;
  }
}

function requireMac(macAddress: string): void {
  if (MAC_PATTERN.test(macAddress)) return;
  throw new Error(
    'macAddress must be a unicast address in lower case such as 52:54:00:00:00:01, ' +
      `got '${macAddress}'`,
  );
}
