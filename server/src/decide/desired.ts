/**
 * Which resources concern which node, and what of a resource its node needs to know. Pure. The
 * agent service sends to each agent exactly what this says, and only when what the node needs has
 * changed.
 */

import type { DescMessage, Message } from '@bufbuild/protobuf';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import type { Operation } from '@limiquantix/proto/operations/v1/operation_pb.js';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { writeField } from '../resource/field-access.js';
import type { Lookup, ViewChange } from '../resource/lookup.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import { isEnded } from './operation.js';
import { isSpanned } from './pool-span.js';
import { wholeSpecOf, withWholeSpec } from './whole-spec.js';

/** The ids of the nodes that a resource concerns, as the view has it. */
export function nodesOf(type: TypeName, resource: AnyResource, lookup: Lookup): Set<string> {
  const rule = rules.get(type);
  return new Set(rule?.nodes(resource, lookup).filter((id) => id !== '') ?? []);
}

/** The keys of other resources that may concern other nodes now than before the change. */
export function affectedBy(change: ViewChange, lookup: Lookup): ResourceKey[] {
  const rule = rules.get(change.key.type);
  if (rule === undefined) return [];
  const before = change.previous === undefined ? [] : rule.needs(change.previous, lookup);
  const after = change.resource === undefined ? [] : rule.needs(change.resource, lookup);
  if (sameKeys(before, after) && samePlace(rule, change, lookup)) return [];
  return [...new Map([...before, ...after].map((key) => [key.id, key])).values()];
}

/**
 * Whether the change only brings a resource to nodes and takes it from none: then what it needs can
 * only be added there.
 */
export function isArrival({ key, previous }: ViewChange, lookup: Lookup): boolean {
  const rule = rules.get(key.type);
  if (previous === undefined || rule === undefined) return true;
  return rule.nodes(previous, lookup).every((id) => id === '');
}

/** A resource as nodes are told of it: a machine with its whole spec, as if it had no source. */
export function asTold(type: TypeName, resource: AnyResource): AnyResource {
  return type === 'vm' ? withWholeSpec(resource as VirtualMachine) : resource;
}

/**
 * What a node needs to know of a resource, as bytes to compare: its header and spec, and the status
 * fields that its drivers read. Equal bytes mean that sending it again would tell the node nothing
 * new.
 */
export function relevantBytes(
  type: TypeName,
  resource: AnyResource,
  desc: DescMessage,
): Uint8Array {
  const copy = shallowCopy(resource);
  for (const field of desc.fields) {
    if (headerIgnored.has(field.name)) writeField(copy, field, undefined);
    if (field.name !== 'status' || resource.status === undefined) continue;
    const kept = rules.get(type)?.statusFields ?? [];
    copy.status = shallowCopy(resource.status);
    for (const inner of field.message?.fields ?? []) {
      if (!kept.includes(inner.name)) writeField(copy.status, inner, undefined);
    }
  }
  return toBinary(desc, copy);
}

/** A copy whose fields can be cleared without a change of the original; their values are shared. */
function shallowCopy<M extends Message>(message: M): M {
  return Object.assign(Object.create(Object.getPrototypeOf(message)) as M, message);
}

/** The types that concern nodes, in the order in which a node needs them. */
export const nodeTypes: readonly TypeName[] = [
  'node',
  'storage_pool',
  'image',
  'volume',
  'network',
  'port',
  'operation',
  'vm',
];

/** Header fields whose change means nothing to a node. */
const headerIgnored = new Set(['revision', 'etag', 'updated_at', 'protected', 'created_by']);

interface Rule<R extends AnyResource = AnyResource> {
  /** The nodes that it concerns. */
  readonly nodes: (resource: R, lookup: Lookup) => readonly string[];
  /** What its nodes need beside it. */
  readonly needs: (resource: R, lookup: Lookup) => readonly ResourceKey[];
  /** The status fields that the nodes' drivers read. */
  readonly statusFields: readonly string[];
}

const rules: ReadonlyMap<TypeName, Rule> = new Map([
  rule<Node>('node', {
    nodes: (node) => [node.id],
    needs: (_node, lookup) => lookup.list('storage_pool').map(({ id }) => poolKey(id)),
    statusFields: [],
  }),
  rule<VirtualMachine>('vm', {
    nodes: (vm) => [vm.status?.nodeId ?? ''],
    needs: (vm, lookup) => {
      const ports = portIdsOf(vm).map((id) => ({ type: 'port', id }));
      return ports.concat(ports.flatMap(({ id }) => networkKeyOf(lookup.get<Port>('port', id))));
    },
    statusFields: ['node_id', 'nics'],
  }),
  rule<Operation>('operation', {
    nodes: (operation) => [isEnded(operation) ? '' : (operation.spec?.nodeId ?? '')],
    needs: () => [],
    statusFields: [],
  }),
  rule<Volume>('volume', {
    nodes: (volume) => [volume.status?.nodeId ?? ''],
    needs: (volume) => {
      const imageId = imageIdOf(volume);
      const pool = poolKey(volume.spec?.poolId ?? '');
      return imageId === undefined ? [pool] : [pool, { type: 'image', id: imageId }];
    },
    statusFields: ['node_id', 'vm_id', 'provisioned', 'size_bytes', 'format'],
  }),
  rule<Port>('port', {
    nodes: nodesOfPort,
    needs: networkKeyOf,
    statusFields: ['mac_address', 'ip_addresses', 'vm_id'],
  }),
  rule('network', {
    nodes: (network, lookup) =>
      lookup.referrers<Port>('port', network.id).flatMap((port) => nodesOfPort(port, lookup)),
    needs: () => [],
    statusFields: ['logical_switch'],
  }),
  rule<Image>('image', {
    nodes: (image, lookup) => [
      ...Object.keys(image.status?.nodes ?? {}),
      ...lookup
        .referrers<Volume>('volume', image.id)
        .filter((volume) => imageIdOf(volume) === image.id)
        .map((volume) => volume.status?.nodeId ?? ''),
    ],
    needs: () => [],
    statusFields: ['phase', 'size_bytes', 'virtual_size_bytes', 'sha256', 'format'],
  }),
  rule<StoragePool>('storage_pool', {
    nodes: (pool, lookup) => [
      ...Object.keys(pool.status?.nodes ?? {}),
      ...lookup
        .list<Node>('node')
        .filter((node) => isSpanned(pool, node))
        .map(({ id }) => id),
      ...lookup.referrers<Volume>('volume', pool.id).map((volume) => volume.status?.nodeId ?? ''),
    ],
    needs: () => [],
    statusFields: [],
  }),
]);

function rule<R extends AnyResource>(type: TypeName, given: Rule<R>): [TypeName, Rule] {
  return [type, given as unknown as Rule];
}

function nodesOfPort(port: Port, lookup: Lookup): string[] {
  const vms = lookup.referrers<VirtualMachine>('vm', port.id).map((vm) => vm.status?.nodeId ?? '');
  const owner = port.owner?.type === 'vm' ? port.owner.id : (port.status?.vmId ?? '');
  if (owner !== '') vms.push(lookup.get<VirtualMachine>('vm', owner)?.status?.nodeId ?? '');
  return vms;
}

function portIdsOf(vm: VirtualMachine): string[] {
  const given = Object.values(wholeSpecOf(vm)?.nics ?? {}).map(({ source }) =>
    source.case === 'portId' ? source.value : '',
  );
  const made = Object.values(vm.status?.nics ?? {}).map(({ portId }) => portId);
  return [...new Set([...given, ...made])].filter((id) => id !== '');
}

function networkKeyOf(port: Port | undefined): ResourceKey[] {
  const id = port?.spec?.networkId ?? '';
  return id === '' ? [] : [{ type: 'network', id }];
}

function imageIdOf(volume: Volume): string | undefined {
  const source = volume.spec?.source?.source;
  return source?.case === 'imageId' ? source.value : undefined;
}

function poolKey(id: string): ResourceKey {
  return { type: 'storage_pool', id };
}

/** Whether the resource is where it was, so that what it needs is where it was too. */
function samePlace(rule: Rule, change: ViewChange, lookup: Lookup): boolean {
  const { previous, resource } = change;
  if (previous === undefined || resource === undefined) return false;
  if (change.key.type === 'node') return sameLabels(previous.labels, resource.labels);
  const before = rule.nodes(previous, lookup);
  const after = rule.nodes(resource, lookup);
  return before.length === after.length && before.every((id, index) => id === after[index]);
}

function sameKeys(before: readonly ResourceKey[], after: readonly ResourceKey[]): boolean {
  return (
    before.length === after.length && before.every((key, index) => key.id === after[index]?.id)
  );
}

function sameLabels(before: AnyResource['labels'], after: AnyResource['labels']): boolean {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].every((key) => before[key] === after[key]);
}
