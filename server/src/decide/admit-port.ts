/**
 * Admission of a port: its MAC address and IPv4 address, decided before anything is plugged in. The
 * claims that are committed with it make sure that no address is given twice, whoever else decides
 * meanwhile.
 */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { VirtualNetwork } from '@limiquantix/proto/network/v1/network_pb.js';
import {
  type Port,
  PortPhase,
  type PortStatus,
  PortStatusSchema,
} from '@limiquantix/proto/network/v1/port_pb.js';
import { LimiError } from '../resource/error.js';
import { ipClaimKey, macClaimKey } from '../resource/keys.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import type { AdmissionInput, AdmissionResult, Claim } from './admission.js';
import { decideAddress, decideMac, refuseFixedAddress } from './ipam.js';

/** Decides on a port of its own. */
export function admitPort(input: AdmissionInput<Port>): AdmissionResult<Port> {
  const { next, previous, lookup, random } = input;
  const decided = decidePort({ port: next, previous, lookup, random, path: 'spec' });
  return {
    resource: { ...next, status: decided.status },
    children: [],
    claims: decided.claims,
    releases: decided.releases,
  };
}

/** What a port's addresses are decided by. */
export interface PortQuestion {
  readonly port: Port;
  readonly previous: Port | undefined;
  readonly lookup: AdmissionLookup;
  readonly random: () => number;
  /** The path of the port's fields in what the user wrote: `spec`, or `spec.nics["lan"].port`. */
  readonly path: string;
  /** Addresses that were decided in the same go for other ports. */
  readonly alsoTaken?: ReadonlySet<string>;
}

/** The port's status with its addresses, and the claims that go with them. */
export interface PortDecision {
  readonly status: PortStatus;
  readonly claims: readonly Claim[];
  readonly releases: readonly Claim[];
}

/** Decides on a port's addresses; those that it has stay unless its spec asks for others. */
export function decidePort(question: PortQuestion): PortDecision {
  const { port, previous } = question;
  const networkId = port.spec?.networkId ?? '';
  const before = previous?.status;
  const mac = port.spec?.macAddress ?? before?.macAddress ?? chooseMac(question);
  const address = chooseAddress(question, networkId);
  const status = create(PortStatusSchema, {
    ...(before ?? { phase: PortPhase.PENDING }),
    macAddress: mac,
    ipAddresses: [address],
  });
  const had = new Set((before?.ipAddresses ?? []).map((ip) => ipClaimKey(networkId, ip)));
  if (before !== undefined) had.add(macClaimKey(before.macAddress));
  const has = new Set([ipClaimKey(networkId, address), macClaimKey(mac)]);
  const claim = (key: string): Claim => ({ key, ownerId: port.id });
  return {
    status,
    claims: [...has].filter((key) => !had.has(key)).map(claim),
    releases: [...had].filter((key) => !has.has(key)).map(claim),
  };
}

function chooseAddress(question: PortQuestion, networkId: string): string {
  const { port, previous, lookup, random, path, alsoTaken } = question;
  const network = lookup.get<VirtualNetwork>('network', networkId);
  const subnet = network?.spec?.ipv4;
  if (network === undefined || subnet === undefined) {
    throw invalid(`${path}.network_id`, `there is no network with the id ${networkId}`);
  }
  const claimant = (ip: string): string | undefined => {
    const id = lookup.claimant(ipClaimKey(networkId, ip));
    return id === port.id ? undefined : id;
  };
  const fixed = port.spec?.ipAddresses[0];
  if (fixed !== undefined) {
    const refusal = refuseFixedAddress(subnet, fixed);
    if (refusal !== undefined) throw invalid(`${path}.ip_addresses[0]`, refusal);
    const holder = alsoTaken?.has(fixed) ? 'of this very machine' : claimant(fixed);
    if (holder !== undefined) {
      const name = lookup.get('port', holder)?.name ?? holder;
      throw taken(`${path}.ip_addresses[0]`, fixed, network.name, name);
    }
    return fixed;
  }
  const kept =
    previous?.spec?.ipAddresses.length === 0 ? previous.status?.ipAddresses[0] : undefined;
  if (kept !== undefined) return kept;
  const isTaken = (ip: string): boolean =>
    claimant(ip) !== undefined || alsoTaken?.has(ip) === true;
  const chosen = decideAddress({ subnet, isTaken, random });
  if (chosen !== undefined) return chosen;
  throw new LimiError({
    code: Code.ResourceExhausted,
    reason: 'NO_ADDRESS_LEFT',
    message: `network ${network.name} (${subnet.cidr}) has no free address left; remove ports or widen its allocation_pools`,
    violations: [{ path: `${path}.network_id`, message: 'the network has no free address left' }],
    quotas: [
      {
        subject: `network/${network.id}`,
        message: `all addresses of ${subnet.cidr} that ports may have are taken`,
      },
    ],
  });
}

function chooseMac({ lookup, random, path }: PortQuestion): string {
  const isTaken = (candidate: string): boolean =>
    lookup.claimant(macClaimKey(candidate)) !== undefined;
  const mac = decideMac(isTaken, random);
  if (mac !== undefined) return mac;
  throw invalid(`${path}.mac_address`, 'no free MAC address was found; give one');
}

function taken(path: string, address: string, network: string, holder: string): LimiError {
  const message = `${address} is taken in network ${network} by port ${holder}; give another, or none to have one assigned`;
  return new LimiError({
    code: Code.AlreadyExists,
    reason: 'ADDRESS_TAKEN',
    message,
    violations: [{ path, message }],
  });
}

function invalid(path: string, message: string): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_FIELD',
    message: `${path} ${message}`,
    violations: [{ path, message }],
  });
}
