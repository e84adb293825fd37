/** IPv4 addresses and subnets as numbers. Pure; knows nothing of who holds which address. */

/** An IPv4 subnet: its first address as an unsigned 32-bit number, and its prefix length. */
export interface Ipv4Subnet {
  readonly base: number;
  readonly prefixLength: number;
}

/** The address as a number, or undefined where the text is no dotted quad without leading zeros. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** The address as a dotted quad. */
export function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
}

/** The subnet, or undefined where the text is no CIDR notation or has host bits set. */
export function parseCidr(text: string): Ipv4Subnet | undefined {
  const [address, length, rest] = text.split('/');
  if (address === undefined || length === undefined || rest !== undefined) return undefined;
  const base = parseIpv4(address);
  if (base === undefined || !/^(0|[1-9][0-9]?)$/.test(length)) return undefined;
  const prefixLength = Number(length);
  if (prefixLength > 32 || base % 2 ** (32 - prefixLength) !== 0) return undefined;
  return { base, prefixLength };
}

/** The subnet's last address: its broadcast address. */
export function lastOf(subnet: Ipv4Subnet): number {
  return subnet.base + 2 ** (32 - subnet.prefixLength) - 1;
}

/** Whether the address lies in the subnet. */
export function contains(subnet: Ipv4Subnet, address: number): boolean {
  return address >= subnet.base && address <= lastOf(subnet);
}

/** Whether a guest may have the address: in the subnet and neither its first nor its last. */
export function isHostAddress(subnet: Ipv4Subnet, address: number): boolean {
  return address > subnet.base && address < lastOf(subnet);
}
