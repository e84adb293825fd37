/**
 * IP addresses and subnets as numbers, and back to their text (RFC 4291 §2.2, RFC 5952 §4).
 */

/** An address of one of the two versions. */
export interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** A subnet: its first address and the length of its prefix. */
export interface Subnet {
  readonly base: IpAddress;
  readonly prefix: number;
}

/** Reads an address; undefined for a text that is none. */
export function parseAddress(text: string): IpAddress | undefined {
  const value = text.includes(':') ? parse6(text) : parse4(text);
  if (value === undefined) return undefined;
  return { bits: text.includes(':') ? 128 : 32, value };
}

/** Reads a subnet in CIDR notation, host bits and all; undefined for a text that is none. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const base = parseAddress(address);
  const prefix = Number(length);
  return base === undefined || prefix > base.bits ? undefined : { base, prefix };
}

/** How many addresses a subnet has. */
export function subnetSize({ base, prefix }: Subnet): bigint {
  return 1n << BigInt(base.bits - prefix);
}

/** The address as it is written. */
export function addressText({ bits, value }: IpAddress): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  const zeros = longestZeros(groups);
  if (zeros.length < 2) return groups.join(':');
  const head = groups.slice(0, zeros.start).join(':');
  return `${head}::${groups.slice(zeros.start + zeros.length).join(':')}`;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

function parse4(text: string): bigint | undefined {
  const parts = text.split('.');
  const isOctet = (part: string): boolean => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256;
  if (parts.length !== 4 || !parts.every(isOctet)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parse6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half, i) => groups6(half, i === halves.length - 1));
  const [head = [], tail = []] = groups.map((group) => group ?? []);
  if (groups.includes(undefined)) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return all.reduce((value, group) => (value << 16n) | group, 0n);
}

/** The 16-bit groups of one side of `::`; an IPv4 address at the very end counts as two. */
function groups6(text: string, isEnd: boolean): bigint[] | undefined {
  if (text === '') return [];
  const result: bigint[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    const mayEmbed = isEnd && i === parts.length - 1 && part.includes('.');
    const embedded = mayEmbed ? parse4(part) : undefined;
    if (embedded !== undefined) result.push(embedded >> 16n, embedded & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) result.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return result;
}
