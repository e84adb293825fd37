/**
 * What backends must hold by what resources say of themselves, and what no two resources may have.
 * Pure. `inventory.ts` compares it with what backends do hold.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VirtualNetwork } from '@limiquantix/proto/network/v1/network_pb.js';
import { type Port, PortPhase } from '@limiquantix/proto/network/v1/port_pb.js';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import { Capacity } from './capacity.js';

/** What the control plane itself works with, in the place of a node's id. */
export const controlPlane = '';

/** What stands for a resource in a backend. */
export interface Expected {
  readonly backend: string;
  /** The kind of object. */
  readonly kind: string;
  /** The ids of the nodes that must have it, or the control plane. */
  readonly placesOf: (resource: AnyResource) => readonly string[];
}

/** By type. A type that isn't here has nothing in a backend. */
export const expectations: ReadonlyMap<TypeName, Expected> = new Map([
  expected<VirtualMachine>('vm', 'libvirt', 'domain', ({ status }) =>
    (status?.nodeGeneration ?? 0n) > 0n ? [status?.nodeId ?? ''] : [],
  ),
  expected<Volume>('volume', 'directory', 'volume file', ({ status }) =>
    // It keeps its size when its content is gone.
    status?.provisioned === true || (status?.sizeBytes ?? 0n) > 0n ? [status?.nodeId ?? ''] : [],
  ),
  expected<StoragePool>('storage_pool', 'directory', 'pool marker', ({ status }) =>
    nodesWhereReady(status?.nodes),
  ),
  expected<Image>('image', 'directory', 'cached image', ({ status }) =>
    nodesWhereReady(status?.nodes),
  ),
  expected<VirtualNetwork>('network', 'ovn', 'Logical_Switch', ({ status }) =>
    (status?.logicalSwitch ?? '') === '' ? [] : [controlPlane],
  ),
  expected<Port>('port', 'ovn', 'Logical_Switch_Port', ({ status }) =>
    status?.phase === PortPhase.UP || status?.phase === PortPhase.DOWN ? [controlPlane] : [],
  ),
]);

/** Two that have what only one can have. */
export interface Conflict {
  readonly resource: ResourceKey;
  /** What it is, and who else has it, for people. */
  readonly message: string;
}

/** Addresses and room that were given away twice. */
export function conflictsIn(lookup: Lookup): readonly Conflict[] {
  return [...addressConflicts(lookup), ...roomConflicts(lookup)];
}

function addressConflicts(lookup: Lookup): Conflict[] {
  const conflicts: Conflict[] = [];
  const holders = new Map<string, Port>();
  const claim = (key: string, what: string, port: Port): void => {
    const other = holders.get(key);
    if (other === undefined) holders.set(key, port);
    else {
      const message = `has ${what}, which port ${other.name} (${other.id}) has as well`;
      conflicts.push({ resource: { type: 'port', id: port.id }, message });
    }
  };
  for (const port of lookup.list<Port>('port')) {
    const { macAddress = '', ipAddresses = [] } = port.status ?? {};
    const networkId = port.spec?.networkId ?? '';
    if (macAddress !== '') claim(`mac ${macAddress}`, `the MAC address ${macAddress}`, port);
    for (const address of ipAddresses) {
      claim(`ip ${networkId} ${address}`, `the address ${address} of its network`, port);
    }
  }
  return conflicts;
}

/** Nodes whose machines were promised more than there is; what a node reports may shrink, too. */
function roomConflicts(lookup: Lookup): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const { id, reported, used, capacity } of Capacity.of(lookup).candidates()) {
    if (!reported || lookup.get<Node>('node', id) === undefined) continue;
    const over = [
      used.vcpus > capacity.vcpus && `${used.vcpus} of ${capacity.vcpus} processors`,
      used.memoryMib > capacity.memoryMib && `${used.memoryMib} of ${capacity.memoryMib} MiB`,
    ].filter((one): one is string => one !== false);
    if (over.length === 0) continue;
    const message = `its machines were promised ${over.join(' and ')}`;
    conflicts.push({ resource: { type: 'node', id }, message });
  }
  return conflicts;
}

function expected<R extends AnyResource>(
  type: TypeName,
  backend: string,
  kind: string,
  placesOf: (resource: R) => readonly string[],
): [TypeName, Expected] {
  return [type, { backend, kind, placesOf: placesOf as unknown as Expected['placesOf'] }];
}

const nodesWhereReady = (nodes: Readonly<Record<string, { ready: boolean }>> = {}): string[] =>
  Object.keys(nodes).filter((id) => nodes[id]?.ready === true);
