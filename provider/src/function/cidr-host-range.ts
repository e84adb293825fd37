/** The function `cidr_host_range`: the hosts of a subnet from one number to another. Pure. */

import {
  addressText,
  parseSubnet,
  type Subnet,
  subnetSize,
} from '@limiquantix/proto/ip-address.js';
import { isNumber, numberText, record, type Value } from '../value/value.js';
import { ArgumentError, type ProviderFunction } from './function.js';

/** The function. */
export const cidrHostRange: ProviderFunction = {
  name: 'cidr_host_range',
  summary: 'The first and the last address of a part of a subnet.',
  description:
    'Gives an object with `first` and `last`, as `allocation_pools` of a network takes it. Hosts are ' +
    'numbered from 0, the address of the subnet itself; negative numbers count from the end, -1 being ' +
    'the last address. Without numbers, the range has every address that a host can have: neither the ' +
    "subnet's own nor, for IPv4, the broadcast address.",
  parameters: [
    {
      name: 'cidr',
      type: 'string',
      description: 'The subnet in CIDR notation, such as `10.0.0.0/24` or `fd00::/64`.',
    },
  ],
  variadic: {
    name: 'host_numbers',
    type: 'number',
    description: 'The number of the first host and, if wanted, that of the last one.',
  },
  returns: { kind: 'object', attributes: { first: 'string', last: 'string' } },
  call: ([cidr, ...numbers]) => {
    const subnet = readSubnet(String(cidr));
    if (numbers.length > 2) {
      throw new ArgumentError(3, 'only the first and the last number may be given');
    }
    const [first, last] = numbers.map((number, i) => hostNumber(subnet, number, i + 1));
    const from = first ?? defaultFirst(subnet);
    const to = last ?? defaultLast(subnet);
    if (to < from) {
      const position = last === undefined ? 1 : 2;
      throw new ArgumentError(position, `the last host (${to}) comes before the first (${from})`);
    }
    return record([
      ['first', hostText(subnet, from)],
      ['last', hostText(subnet, to)],
    ]);
  },
};

function readSubnet(cidr: string): Subnet {
  const subnet = parseSubnet(cidr);
  if (subnet === undefined) {
    throw new ArgumentError(0, `must be a subnet such as 10.0.0.0/24, not "${cidr}"`);
  }
  const { base, prefix } = subnet;
  const value = base.value - (base.value % subnetSize(subnet));
  if (value !== base.value) {
    const whole = `${addressText({ ...base, value })}/${prefix}`;
    throw new ArgumentError(0, `"${cidr}" is a host's address; the subnet is ${whole}`);
  }
  return subnet;
}

function hostNumber(subnet: Subnet, given: Value, position: number): bigint {
  const text = isNumber(given) ? numberText(given) : '';
  if (!/^-?\d+$/.test(text)) throw new ArgumentError(position, 'must be a whole number');
  const number = BigInt(text);
  const size = subnetSize(subnet);
  const host = number < 0n ? size + number : number;
  if (host < 0n || host >= size) {
    throw new ArgumentError(position, `host ${text} is outside of the subnet's ${size} addresses`);
  }
  return host;
}

/** The subnets of one or two addresses have no address of their own (RFC 3021, RFC 6164). */
function defaultFirst(subnet: Subnet): bigint {
  return subnetSize(subnet) > 2n ? 1n : 0n;
}

function defaultLast(subnet: Subnet): bigint {
  const size = subnetSize(subnet);
  return subnet.base.bits === 32 && size > 2n ? size - 2n : size - 1n;
}

function hostText({ base }: Subnet, host: bigint): string {
  return addressText({ ...base, value: base.value + host });
}
