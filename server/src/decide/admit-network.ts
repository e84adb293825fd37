/** Admission of a network: its gateway, ranges and reserved addresses lie in its subnet. Pure. */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type Ipv4SubnetSpec,
  NetworkPhase,
  type VirtualNetwork,
  VirtualNetworkStatusSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import { type FieldViolation, LimiError } from '../resource/error.js';
import type { AdmissionInput, AdmissionResult } from './admission.js';
import { contains, type Ipv4Subnet, isHostAddress, parseCidr, parseIpv4 } from './ipv4.js';

const prefixLengthMin = 8;
const prefixLengthMax = 30;

/** Decides on a network. */
export function admitNetwork(
  input: AdmissionInput<VirtualNetwork>,
): AdmissionResult<VirtualNetwork> {
  const { next, previous } = input;
  const violations = next.spec?.ipv4 === undefined ? [] : subnetViolations(next.spec.ipv4);
  if (violations.length > 0) {
    throw new LimiError({
      code: Code.InvalidArgument,
      reason: 'INVALID_FIELD',
      message: violations.map(({ path, message }) => `${path} ${message}`).join('; '),
      violations,
    });
  }
  const status =
    previous?.status ?? create(VirtualNetworkStatusSchema, { phase: NetworkPhase.PENDING });
  return { resource: { ...next, status }, children: [], claims: [], releases: [] };
}

function subnetViolations(spec: Ipv4SubnetSpec): FieldViolation[] {
  const subnet = parseCidr(spec.cidr);
  if (
    subnet === undefined ||
    subnet.prefixLength < prefixLengthMin ||
    subnet.prefixLength > prefixLengthMax
  ) {
    const message = `is ${spec.cidr}; give an IPv4 subnet from /${prefixLengthMin} to /${prefixLengthMax} with no host bits, such as 10.0.0.0/24`;
    return [{ path: 'spec.ipv4.cidr', message }];
  }
  const outside = (path: string, address: string): FieldViolation => ({
    path,
    message: `is ${address}, which is no host address of ${spec.cidr}`,
  });
  const violations: FieldViolation[] = [];
  if (spec.gateway !== undefined && !isHostAddress(subnet, parseIpv4(spec.gateway) ?? 0)) {
    violations.push(outside('spec.ipv4.gateway', spec.gateway));
  }
  for (const [i, address] of spec.reservedAddresses.entries()) {
    if (contains(subnet, parseIpv4(address) ?? 0)) continue;
    violations.push(outside(`spec.ipv4.reserved_addresses[${i}]`, address));
  }
  return [...violations, ...poolViolations(spec, subnet)];
}

function poolViolations(spec: Ipv4SubnetSpec, subnet: Ipv4Subnet): FieldViolation[] {
  return spec.allocationPools.flatMap(({ first, last }, i) => {
    const path = `spec.ipv4.allocation_pools[${i}]`;
    const from = parseIpv4(first) ?? 0;
    const to = parseIpv4(last) ?? 0;
    if (!isHostAddress(subnet, from) || !isHostAddress(subnet, to)) {
      return [{ path, message: `is ${first} to ${last}, which is not within ${spec.cidr}` }];
    }
    if (from > to) return [{ path, message: `begins at ${first}, after its end ${last}` }];
    return [];
  });
}
