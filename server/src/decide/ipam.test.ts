import { create } from '@bufbuild/protobuf';
import { Ipv4SubnetSpecSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { decideAddress, decideMac, refuseFixedAddress } from './ipam.js';
import { formatIpv4, parseCidr, parseIpv4 } from './ipv4.js';

const subnet = (init: object) => create(Ipv4SubnetSpecSchema, { cidr: '10.0.0.0/29', ...init });
const first = () => 0;

test.each([
  ['0.0.0.0', 0],
  ['10.0.0.1', 0x0a000001],
  ['255.255.255.255', 0xffffffff],
  ['10.0.0.256', undefined],
  ['10.0.0', undefined],
  ['10.0.0.01', undefined],
  ['10.0.0.-1', undefined],
])('reads the address %s', (text, value) => {
  expect(parseIpv4(text)).toBe(value);
  if (value !== undefined) expect(formatIpv4(value)).toBe(text);
});

test.each([
  ['10.0.0.0/8', true],
  ['10.0.0.1/24', false],
  ['10.0.0.0', false],
  ['10.0.0.0/33', false],
  ['10.0.0.0/24/1', false],
])('takes %s as a subnet: %s', (text, valid) => {
  expect(parseCidr(text) !== undefined).toBe(valid);
});

test('gives every host address once, but for the gateway and the reserved ones', () => {
  const taken = new Set<string>();
  const spec = subnet({ gateway: '10.0.0.1', reservedAddresses: ['10.0.0.3'] });
  for (;;) {
    const address = decideAddress({ subnet: spec, isTaken: (ip) => taken.has(ip), random: first });
    if (address === undefined) break;
    expect(taken.has(address)).toBe(false);
    taken.add(address);
  }
  expect([...taken]).toEqual(['10.0.0.2', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
});

test('keeps the first host address for the network where no gateway is given', () => {
  const isTaken = (): boolean => false;
  expect(decideAddress({ subnet: subnet({}), isTaken, random: first })).toBe('10.0.0.2');
});

test('assigns from the allocation pools only', () => {
  const spec = subnet({ allocationPools: [{ first: '10.0.0.5', last: '10.0.0.5' }] });
  const decide = (isTaken: (ip: string) => boolean) =>
    decideAddress({ subnet: spec, isTaken, random: first });
  expect(decide(() => false)).toBe('10.0.0.5');
  expect(decide((ip) => ip === '10.0.0.5')).toBeUndefined();
});

test.each([
  ['10.0.0.2', undefined],
  ['10.0.0.7', /outside/],
  ['10.0.0.0', /outside/],
  ['10.0.1.2', /10\.0\.0\.1 to 10\.0\.0\.6/],
  ['10.0.0.1', /gateway/],
])('judges the fixed address %s', (address, refusal) => {
  const result = refuseFixedAddress(subnet({ gateway: '10.0.0.1' }), address);
  if (refusal === undefined) expect(result).toBeUndefined();
  else expect(result).toMatch(refusal);
});

test('makes locally administered MAC addresses that are free', () => {
  const values = [0, 0, 0, 0.5, 0.5, 0.5];
  const random = () => values.shift() ?? 0;
  const mac = decideMac((candidate) => candidate === '52:54:00:00:00:00', random);
  expect(mac).toBe('52:54:00:80:80:80');
});
