/**
 * Early checks of IPv4 addresses and subnets. Tokens pass: only Terraform knows their values.
 * Not exported by the package.
 */
import { isIPv4 } from 'node:net';
import { Token } from 'cdktf';

/** Throws unless the text is an IPv4 address; `what` names the property in the message. */
export function requireIpv4(what: string, address: string): void {
  if (Token.isUnresolved(address) || isIPv4(address)) return;
  throw new Error(`${what} must be an IPv4 address such as 10.0.0.10, got '${address}'`);
}

/** Throws unless the text is an IPv4 subnet without host bits. */
export function requireCidr(what: string, cidr: string): void {
  if (Token.isUnresolved(cidr)) return;
  const [address = '', length = '', ...rest] = cidr.split('/');
  const bits = /^\d{1,2}$/.test(length) ? Number(length) : -1;
  if (rest.length > 0 || !isIPv4(address) || bits < 0 || bits > 32) {
    throw new Error(`${what} must be a subnet in CIDR notation such as 10.0.0.0/24, got '${cidr}'`);
  }
  const subnet = network(address, bits);
  if (subnet !== address) {
    throw new Error(`${what} must have no host bits, got '${cidr}': write ${subnet}/${bits}`);
  }
}

/** Throws where both are known and the address isn't in the subnet. */
export function requireInside(what: string, address: string, cidr: string): void {
  requireIpv4(what, address);
  if (Token.isUnresolved(address) || Token.isUnresolved(cidr)) return;
  const [subnet = '', length = ''] = cidr.split('/');
  if (network(address, Number(length)) !== subnet) {
    throw new Error(`${what} must lie in the network's subnet ${cidr}, got '${address}'`);
  }
}

function network(address: string, bits: number): string {
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const blockSize = 2 ** (32 - bits);
  const first = value - (value % blockSize);
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
}
