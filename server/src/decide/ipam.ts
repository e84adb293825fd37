/**
 * Which MAC and IPv4 address a port gets. Pure: what is taken comes in, the choice goes out. That no
 * address is ever given twice does not rest on this choice but on the claim that is committed with it.
 */
import type { Ipv4SubnetSpec } from '@limiquantix/proto/network/v1/network_pb.js';
import type { Random } from '../reconcile/clock.js';
import { formatIpv4, isHostAddress, lastOf, parseCidr, parseIpv4 } from './ipv4.js';

/** The choice looks at this many free addresses, so that concurrent creates seldom collide. */
const candidatesMax = 64;

/** Random MAC addresses that are tried. */
const macAttemptsMax = 32;

/** What an address is chosen by. */
export interface AddressQuestion {
  readonly subnet: Ipv4SubnetSpec;
  /** Whether an address is taken, as a dotted quad. */
  readonly isTaken: (address: string) => boolean;
  readonly random: Random;
}

/** A free address out of the subnet's pools, or undefined when none is left. */
export function decideAddress(question: AddressQuestion): string | undefined {
  const { subnet, isTaken, random } = question;
  const reserved = reservedAddresses(subnet);
  const candidates: string[] = [];
  for (const range of poolsOf(subnet)) {
    for (let value = range.first; value <= range.last; value += 1) {
      const address = formatIpv4(value);
      if (reserved.has(address) || isTaken(address)) continue;
      candidates.push(address);
      if (candidates.length === candidatesMax) return candidates[pick(random, candidatesMax)];
    }
  }
  return candidates[pick(random, candidates.length)];
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

/** A MAC address in QEMU's locally administered range. */
export function decideMac(isTaken: (mac: string) => boolean, random: Random): string | undefined {
  for (let attempt = 0; attempt < macAttemptsMax; attempt += 1) {
    const tail = Array.from({ length: 3 }, () => hex(Math.floor(random() * 256)));
    const mac = ['52', '54', '00', ...tail].join(':');
    if (!isTaken(mac)) return mac;
  }
  return undefined;
}

/** The address that stands for the network itself: its gateway's, or else the first host address. */
export function gatewayOf(subnet: Ipv4SubnetSpec): string {
  const parsed = parseCidr(subnet.cidr);
  return subnet.gateway ?? (parsed === undefined ? '' : formatIpv4(parsed.base + 1));
}

function reservedAddresses(subnet: Ipv4SubnetSpec): Set<string> {
  return new Set([...subnet.reservedAddresses, gatewayOf(subnet)]);
}

function poolsOf(subnet: Ipv4SubnetSpec): { first: number; last: number }[] {
  const parsed = parseCidr(subnet.cidr);
  if (parsed === undefined) return [];
  const whole = { first: parsed.base + 1, last: lastOf(parsed) - 1 };
  if (subnet.allocationPools.length === 0) return [whole];
  return subnet.allocationPools.map((pool) => ({
    first: Math.max(whole.first, parseIpv4(pool.first) ?? whole.last + 1),
    last: Math.min(whole.last, parseIpv4(pool.last) ?? 0),
  }));
}

function pick(random: Random, count: number): number {
  return Math.floor(random() * count);
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
