/**
 * Which MAC and IPv4 address a port gets. Pure: what is taken comes in, the choice goes out. That
 * no address is ever given twice does not rest on this choice but on the claim that is committed
 * with it.
 */
import type { Ipv4SubnetSpec } from '@limiquantix/proto/network/v1/network_pb.js';
import { formatIpv4, isHostAddress, lastOf, parseCidr, parseIpv4 } from './ipv4.js';

/** Random MAC addresses that are tried. */
const macAttemptsMax = 32;

/** What an address is chosen by. */
export interface AddressQuestion {
  readonly subnet: Ipv4SubnetSpec;
  /** Whether an address is taken, as a dotted quad. */
  readonly isTaken: (address: string) => boolean;
  readonly random: () => number;
}

/**
 * A free address out of the subnet's pools, or undefined when none is left. The search begins
 * anywhere in the pools, so that it is short in a large network and creates at the same time seldom
 * collide.
 */
export function decideAddress(question: AddressQuestion): string | undefined {
  const { subnet, isTaken, random } = question;
  const reserved = reservedAddresses(subnet);
  const pools = poolsOf(subnet);
  const total = pools.reduce((sum, pool) => sum + sizeOf(pool), 0);
  const start = Math.floor(random() * total);
  for (let offset = 0; offset < total; offset += 1) {
    const address = formatIpv4(addressAt(pools, (start + offset) % total));
    if (!reserved.has(address) && !isTaken(address)) return address;
  }
  return undefined;
}

/** A fixed address that can't be had, and why; undefined if it can. */
export function refuseFixedAddress(subnet: Ipv4SubnetSpec, address: string): string | undefined {
  const parsed = parseCidr(subnet.cidr);
  const value = parseIpv4(address);
  if (parsed === undefined || value === undefined) return `is no IPv4 address: ${address}`;
  if (!isHostAddress(parsed, value)) {
    const first = formatIpv4(parsed.base + 1);
    const last = formatIpv4(lastOf(parsed) - 1);
    return `${address} is outside the network's subnet ${subnet.cidr}; give one from ${first} to ${last}`;
  }
  if (address === gatewayOf(subnet)) {
    return `${address} is the network's gateway; give another address of ${subnet.cidr}`;
  }
  if (subnet.reservedAddresses.includes(address)) {
    return `${address} is among the network's reserved_addresses; give another or un-reserve it`;
  }
  return undefined;
}

/** How many addresses a subnet gives in all, those in use included. */
export function addressesOf(subnet: Ipv4SubnetSpec): number {
  const pools = poolsOf(subnet);
  const inPools = [...reservedAddresses(subnet)].filter((address) => {
    const value = parseIpv4(address) ?? 0;
    return pools.some(({ first, last }) => value >= first && value <= last);
  });
  return pools.reduce((sum, pool) => sum + sizeOf(pool), 0) - inPools.length;
}

/** A MAC address in QEMU's locally administered range. */
export function decideMac(
  isTaken: (mac: string) => boolean,
  random: () => number,
): string | undefined {
  for (let attempt = 0; attempt < macAttemptsMax; attempt += 1) {
    const tail = Array.from({ length: 3 }, () => hex(Math.floor(random() * 256)));
    const mac = ['52', '54', '00', ...tail].join(':');
    if (!isTaken(mac)) return mac;
  }
  return undefined;
}

/**
 * The address that stands for the network itself: its gateway's, or else the first host address.
 */
export function gatewayOf(subnet: Ipv4SubnetSpec): string {
  const parsed = parseCidr(subnet.cidr);
  return subnet.gateway ?? (parsed === undefined ? '' : formatIpv4(parsed.base + 1));
}

interface Pool {
  readonly first: number;
  readonly last: number;
}

function reservedAddresses(subnet: Ipv4SubnetSpec): Set<string> {
  return new Set([...subnet.reservedAddresses, gatewayOf(subnet)]);
}

function poolsOf(subnet: Ipv4SubnetSpec): Pool[] {
  const parsed = parseCidr(subnet.cidr);
  if (parsed === undefined) return [];
  const whole = { first: parsed.base + 1, last: lastOf(parsed) - 1 };
  if (subnet.allocationPools.length === 0) return [whole];
  return subnet.allocationPools.map((pool) => ({
    first: Math.max(whole.first, parseIpv4(pool.first) ?? whole.last + 1),
    last: Math.min(whole.last, parseIpv4(pool.last) ?? 0),
  }));
}

function sizeOf({ first, last }: Pool): number {
  return Math.max(0, last - first + 1);
}

/** The address at a place in the pools, counted from the first address of the first pool. */
function addressAt(pools: readonly Pool[], place: number): number {
  let rest = place;
  for (const pool of pools) {
    if (rest < sizeOf(pool)) return pool.first + rest;
    rest -= sizeOf(pool);
  }
  throw new RangeError('the place is beyond the pools');
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
