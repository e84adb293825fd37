/**
 * What must be so at every moment of a run, and what must be so when it has come to rest: pure
 * functions over what the store holds and what the hosts' backends have. Each gives a line for each
 * breach.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import { PowerState, type VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { candidateOf, demandOf } from '../../server/src/decide/candidates.js';
import { wholeSpecOf } from '../../server/src/decide/whole-spec.js';
import { isReady } from '../../server/src/resource/conditions.js';
import type { SimulatedHost } from '../../server/src/simulate/world.js';
import type { Acknowledged } from './acknowledged.js';
import type { Medium } from './medium.js';
import type { WorldModel } from './world-model.js';

/** What is looked at. */
export interface Facts {
  readonly model: WorldModel;
  readonly medium: Medium;
  readonly hosts: readonly SimulatedHost[];
  readonly nodeIdOf: (host: SimulatedHost) => string;
  readonly acknowledged: Acknowledged;
  /** Commits of servers that decided while another one did. */
  readonly strayDecisions: readonly string[];
  readonly rows: () => readonly { readonly table: string; readonly name: string }[];
}

/** An invariant. `types` are those whose writes may break it; without, it is asked at each turn. */
export interface Invariant {
  readonly name: string;
  readonly types?: readonly string[];
  readonly breaches: (facts: Facts) => readonly string[];
}

/** What must always be so. */
export const always: readonly Invariant[] = [
  { name: 'no machine runs twice', breaches: runningTwice },
  { name: 'no address is given twice', types: ['port'], breaches: addressesTwice },
  { name: 'no room is given twice', types: ['vm', 'node'], breaches: roomTwice },
  { name: 'one decides at a time', breaches: ({ strayDecisions }) => strayDecisions },
  { name: 'what was acknowledged survives', types: clientTypes(), breaches: lost },
];

/** What must be so when everything has come to rest. */
export const atRest: readonly Invariant[] = [
  { name: 'everything converges to intent', breaches: unconverged },
  { name: 'nothing is left over in a backend', breaches: leftOver },
];

/** The types that clients declare. */
export function clientTypes(): readonly string[] {
  return ['storage_pool', 'network', 'volume', 'port', 'vm', 'vm_fleet'];
}

function runningTwice({ hosts }: Facts): readonly string[] {
  const places = new Map<string, string>();
  const found: string[] = [];
  for (const { name, libvirtd } of hosts) {
    for (const { uuid, live } of libvirtd.all()) {
      if (live === undefined || isProbe(uuid)) continue;
      const other = places.get(uuid);
      if (other !== undefined) found.push(`${uuid} runs on ${other} and on ${name}`);
      places.set(uuid, name);
    }
  }
  return found;
}

/** A host's own trial of its accelerator: machines have ids of version 7. */
const isProbe = (uuid: string): boolean => uuid[14] !== '7';

function addressesTwice({ model }: Facts): readonly string[] {
  const owners = new Map<string, string>();
  const found: string[] = [];
  for (const { id, spec, status } of model.list('port') as unknown as readonly Port[]) {
    if (status === undefined || status.macAddress === '') continue;
    const addresses = status.ipAddresses.map((ip) => `${ip} in network ${spec?.networkId}`);
    for (const address of [status.macAddress, ...addresses]) {
      const other = owners.get(address);
      if (other !== undefined) found.push(`ports ${other} and ${id} both have ${address}`);
      owners.set(address, id);
    }
  }
  return found;
}

/** Machines that still have room: those under deletion only while their guest is there. */
function roomTwice({ hosts, model }: Facts): readonly string[] {
  const isThere = ({ id }: VirtualMachine): boolean =>
    hosts.some(({ libvirtd }) => libvirtd.all().some(({ uuid }) => uuid === id));
  const found: string[] = [];
  const machines = model.list('vm') as unknown as readonly VirtualMachine[];
  for (const node of model.list('node') as unknown as readonly Node[]) {
    const { capacity, reported } = candidateOf(node, { vcpus: 0, memoryMib: 0 });
    if (!reported) continue;
    const there = machines.filter(
      (vm) =>
        vm.status?.nodeId === node.id && (vm.deletionRequestedAt === undefined || isThere(vm)),
    );
    const demands = there.flatMap((vm) => {
      const spec = wholeSpecOf(vm);
      return spec === undefined ? [] : [demandOf(spec)];
    });
    const memoryMib = demands.reduce((sum, one) => sum + one.memoryMib, 0);
    const vcpus = demands.reduce((sum, one) => sum + one.vcpus, 0);
    if (memoryMib > capacity.memoryMib || vcpus > capacity.vcpus) {
      const has = `${capacity.memoryMib} MiB and ${capacity.vcpus} processors`;
      found.push(`${node.name} has ${has}; given away are ${memoryMib} MiB and ${vcpus}`);
    }
  }
  return found;
}

function lost({ acknowledged, model }: Facts): readonly string[] {
  return acknowledged.broken((type, id) => model.get(type, id));
}

function unconverged({ hosts, model, nodeIdOf }: Facts): readonly string[] {
  const found: string[] = [];
  for (const type of clientTypes()) {
    for (const resource of model.list(type)) {
      const name = `${type} ${resource.name}`;
      if (resource.deletionRequestedAt !== undefined) found.push(`${name} is still being deleted`);
      else if (!isReady(resource)) {
        const ready = resource.status?.conditions.find((one) => one.type === 'Ready');
        found.push(`${name} is not ready: ${ready?.reason} ${ready?.message}`);
      }
    }
  }
  for (const vm of model.list('vm') as unknown as readonly VirtualMachine[]) {
    const host = hosts.find((one) => nodeIdOf(one) === vm.status?.nodeId);
    const domain = host?.libvirtd.all().find(({ uuid }) => uuid === vm.id);
    const isWanted = vm.spec?.powerState !== PowerState.STOPPED;
    if (isWanted !== (domain?.live !== undefined)) {
      found.push(`vm ${vm.name} ${isWanted ? 'should run and does not' : 'runs'} on ${host?.name}`);
    }
  }
  return found;
}

const idPattern = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

function leftOver({ hosts, model, nodeIdOf, rows }: Facts): readonly string[] {
  const found: string[] = [];
  for (const host of hosts) {
    const nodeId = nodeIdOf(host);
    for (const { uuid, name } of host.libvirtd.all()) {
      if (isProbe(uuid)) continue;
      const vm = model.get('vm', uuid) as unknown as VirtualMachine | undefined;
      if (vm?.status?.nodeId !== nodeId) found.push(`domain ${name} on ${host.name}`);
    }
    const pools = model.list('storage_pool').length;
    for (const path of host.disks.paths) {
      const id = idPattern.exec(path)?.[0];
      // Named for a volume; or for the pool that the agent has written down.
      const owner = id && (model.get('volume', id) ?? model.get('storage_pool', id));
      const isKnown = id === undefined ? pools > 0 : owner !== undefined;
      if (!isKnown) found.push(`file ${path} on ${host.name}`);
    }
  }
  for (const { table, name } of rows()) {
    const isKnown = model.get('port', name) ?? model.get('network', name);
    if (isKnown === undefined) found.push(`row ${name} of ${table}`);
  }
  return found;
}
