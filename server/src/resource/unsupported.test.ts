/** What a driver doesn't carry out is found by name. */
import { create } from '@bufbuild/protobuf';
import { PortSchema, PortSpecSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import type { AnyResource } from './resource.js';
import { contractTypes } from './type-registry.js';
import { unsupportedPaths } from './unsupported.js';

const port = contractTypes.get('port');
const networkId = '0198c6a4-5b1e-7c3a-9d42-000000000001';

const of = (spec: object, supported: readonly string[]) =>
  unsupportedPaths(
    port,
    create(PortSchema, { spec: create(PortSpecSchema, { networkId, ...spec }) }) as AnyResource,
    ['spec.network_id', ...supported],
  );

test.each<[string, object, readonly string[], readonly string[]]>([
  ['nothing', {}, [], []],
  ['a value', { dnsName: 'web' }, [], ['spec.dns_name']],
  ['a value that is known', { dnsName: 'web' }, ['spec.dns_name'], []],
  ['no default that is spelled out', { portSecurity: true, enabled: true }, [], []],
  ['another value than the default', { enabled: false }, [], ['spec.enabled']],
  ['a list', { ipAddresses: ['10.0.0.1'] }, [], ['spec.ip_addresses']],
  ['a message as a whole', { qos: { ingress: { rateKbps: 1n } } }, [], ['spec.qos']],
  [
    'the unknown part of a message',
    { qos: { ingress: { rateKbps: 1n, burstKbit: 2n } } },
    ['spec.qos.ingress.rate_kbps'],
    ['spec.qos.ingress.burst_kbit'],
  ],
  [
    'the unknown part of an entry',
    { allowedAddressPairs: { a: { ipAddress: '10.0.0.9', macAddress: '52:54:00:00:00:01' } } },
    ['spec.allowed_address_pairs.*.ip_address'],
    ['spec.allowed_address_pairs["a"].mac_address'],
  ],
  [
    'another value of an enum',
    { binding: 3 },
    ['spec.binding=normal|sriov_direct'],
    ['spec.binding'],
  ],
  ['no value of an enum that is known', { binding: 2 }, ['spec.binding=normal|sriov_direct'], []],
])('finds %s', (_, spec, supported, expected) => {
  expect(of(spec, supported)).toEqual(expected);
});
