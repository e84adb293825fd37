/**
 * The well-known forms of text that the contract's rules name, as protovalidate defines them
 * (RFC 1123, RFC 3986, RFC 4291). Pure; compared with that library in `check.test.ts`.
 */
import { parseAddress, parseSubnet } from '../ip-address.js';

/** Whether a text is an address, of any version for 0; a zone may follow one of version 6. */
export function isIp(text: string, version = 0): boolean {
  const [address = '', ...zone] = text.split('%');
  const bits = parseAddress(address)?.bits;
  if (zone.length > 0) return bits === 128 && version !== 4 && zone.join('%') !== '';
  return bits !== undefined && (version === 0 || bits === (version === 4 ? 32 : 128));
}

/** Whether a text is a subnet in CIDR notation; for `isStrict` one without bits of a host. */
export function isIpPrefix(text: string, version = 0, isStrict = false): boolean {
  const subnet = parseSubnet(text);
  if (subnet === undefined) return false;
  const { base, prefix } = subnet;
  if (version !== 0 && base.bits !== (version === 4 ? 32 : 128)) return false;
  return !isStrict || (base.value & ((1n << BigInt(base.bits - prefix)) - 1n)) === 0n;
}

const hostLabel = /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;

/** Whether a text is a host's name; a final period may follow. */
export function isHostname(text: string): boolean {
  if (text.length > 253) return false;
  const labels = text.replace(/\.$/, '').split('.');
  return labels.every((label) => hostLabel.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

const percent = '%[0-9A-Fa-f]{2}';
const name = "-A-Za-z0-9._~!$&'()*+,;=";
const segment = `(?:[${name}:@]|${percent})`;
const authority =
  `(?:(?:[${name}:]|${percent})*@)?` +
  `(?:\\[([^\\]]*)\\]|((?:[${name}]|${percent})*))(?::[0-9]*)?(?=[/?#]|$)`;
const hierarchy =
  `(?:\\/\\/${authority}(?:\\/${segment}*)*` +
  `|\\/(?:${segment}+(?:\\/${segment}*)*)?|${segment}+(?:\\/${segment}*)*|)`;
const tail = `(?:${segment}|[/?])*`;
const uri = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:${hierarchy}(?:\\?${tail})?(?:#${tail})?$`);
const futureLiteral = new RegExp(`^[vV][0-9A-Fa-f]+\\.[${name}:]+$`);

/** Whether a text is a URI with its scheme. */
export function isUri(text: string): boolean {
  const match = uri.exec(text);
  if (match === null) return false;
  const [, literal, host = ''] = match;
  if (literal !== undefined) return isIpLiteral(literal);
  return isUtf8(host);
}

/** What stands in brackets for a host: an address of version 6, its zone after `%25`. */
function isIpLiteral(text: string): boolean {
  const [address = '', ...zone] = text.split('%25');
  if (zone.length === 0) return futureLiteral.test(text) || (!text.includes('%') && isIp(text, 6));
  const zoneForm = new RegExp(`^(?:[A-Za-z0-9._~-]|${percent})+$`);
  const zoneName = zone.join('%25');
  return isIp(address, 6) && !address.includes('%') && zoneForm.test(zoneName) && isUtf8(zoneName);
}

/** Whether a percent-encoded text is text. */
function isUtf8(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID in its usual form. */
export const isUuid = (text: string): boolean => uuid.test(text);
