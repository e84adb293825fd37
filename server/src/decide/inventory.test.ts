import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  VirtualMachineSchema,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { AuditEventSchema } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import { PortPhase, PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { FindingKind, Remedy } from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { AgentView } from '../agent/agent-view.js';
import { ready } from '../resource/ready.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { type BackendObject, type Deviation, foreignObject, ownObject } from './backend-object.js';
import { findingsOf, type Place } from './inventory.js';

const view = () => new AgentView(contractTypes, () => 0);
type View = ReturnType<typeof view>;

const put = (into: View, type: string, resource: AnyResource): void =>
  void into.set({ type, id: resource.id }, resource);

/** Two nodes that are as wanted. */
function nodes(): View {
  const found = view();
  for (const id of ['a', 'b']) {
    const status = { observedGeneration: 0n, conditions: ready() };
    put(found, 'node', create(NodeSchema, { id, name: `host-${id}`, status }));
  }
  return found;
}

const vmOn = (nodeId: string, fields: MessageInitShape<typeof VirtualMachineSchema> = {}) =>
  create(VirtualMachineSchema, {
    ...{ id: 'vm-1', name: 'web', projectId: 'shop', generation: 1n },
    status: create(VirtualMachineStatusSchema, {
      ...{ nodeId, nodeGeneration: 1n, observedGeneration: 1n, conditions: ready() },
    }),
    ...fields,
  } as MessageInitShape<typeof VirtualMachineSchema>);

const domain = ownObject({ backend: 'libvirt', kind: 'domain', name: 'd', type: 'vm', id: 'vm-1' });
const file = ownObject({
  ...{ backend: 'directory', kind: 'volume file', name: '/f', type: 'volume', id: 'vol-1' },
  holdsData: true,
});

const at = (nodeId: string, objects: BackendObject[], deviations: Deviation[] = []): Place => ({
  nodeId,
  found: { objects, deviations, failures: [] },
});

function diagnose(lookup: View, places: readonly Place[]) {
  const { types } = contractTypes;
  return findingsOf({ places, lookup, types, isObject: () => false }).map((one) => ({
    kind: FindingKind[one.kind],
    place: one.place,
    owner: one.owner && `${one.owner.projectId}/${one.owner.name} ${one.owner.exists}`,
    remedy: Remedy[one.remedy],
    message: one.message,
  }));
}

it('finds nothing where all is as wanted', () => {
  const lookup = nodes();
  put(lookup, 'vm', vmOn('a'));
  expect(diagnose(lookup, [at('', []), at('a', [domain]), at('b', [])])).toEqual([]);
});

it('names the last owner of a stray: by the object itself, or by who did something to it', () => {
  const lookup = nodes();
  const status = { observedGeneration: 0n, conditions: ready() };
  const spec = { resourceType: 'volume', resourceId: 'vol-1', resourceName: 'data' };
  put(
    lookup,
    'audit_event',
    create(AuditEventSchema, { id: 'e', projectId: 'shop', spec, status }),
  );
  const told = { ...domain, projectId: 'lab', resourceName: 'db' };
  const unknown = { ...domain, id: 'vm-9' };
  expect(diagnose(lookup, [at('a', [told, file, unknown])])).toMatchObject([
    { kind: 'STRAY', place: 'host-a', owner: 'lab/db false', remedy: 'REMOVE' },
    { kind: 'STRAY', owner: 'shop/data false', remedy: 'REMOVE_DATA' },
    { kind: 'STRAY', owner: '/ false', remedy: 'REMOVE' },
  ]);
});

it('removes an interface of a port that is gone, and a pool only where its data may go', () => {
  const tap = { backend: 'openvswitch', kind: 'interface', name: 'vnet9', type: 'port', id: 'p' };
  const marker = { backend: 'directory', kind: 'pool marker', name: 'm', type: 'storage_pool' };
  const pool = { ...marker, id: 'pool-1', holdsData: true };
  const found = diagnose(nodes(), [at('a', [ownObject(tap), ownObject(pool)])]);
  expect(found).toMatchObject([
    { kind: 'STRAY', place: 'host-a', remedy: 'REMOVE' },
    { kind: 'STRAY', place: 'host-a', remedy: 'REMOVE_DATA' },
  ]);
});

it('tells a machine on two nodes from one that is only on the wrong one', () => {
  const lookup = nodes();
  put(lookup, 'vm', vmOn('a'));
  expect(diagnose(lookup, [at('a', [domain]), at('b', [domain])])).toMatchObject([
    { kind: 'DUPLICATE', place: 'host-b', owner: 'shop/web true', remedy: 'REMOVE' },
  ]);
  const wrong = diagnose(lookup, [at('a', []), at('b', [domain])]);
  expect(wrong).toMatchObject([
    { kind: 'STRAY', place: 'host-b', message: 'belongs to host-a, which has it not' },
    { kind: 'MISSING', place: 'host-a', remedy: 'RECONCILE' },
  ]);
});

it('misses only what a resource says that it has, on a node that answered', () => {
  const lookup = nodes();
  put(lookup, 'vm', vmOn('a'));
  const lost = { nodeId: 'b', observedGeneration: 1n, sizeBytes: 1n, conditions: ready() };
  const volume = { id: 'vol-1', name: 'data', generation: 1n };
  put(lookup, 'volume', create(VolumeSchema, { ...volume, status: lost }));
  const fresh = { nodeId: 'b', observedGeneration: 1n, conditions: ready() };
  put(lookup, 'volume', create(VolumeSchema, { ...volume, id: 'vol-2', status: fresh }));
  const silent = { nodeId: 'a', found: { failure: 'its agent is not connected' } };
  expect(diagnose(lookup, [silent, at('b', [])])).toMatchObject([
    { kind: 'UNREACHABLE', place: 'host-a', message: 'its agent is not connected' },
    { kind: 'MISSING', place: 'host-b', owner: '/data true' },
  ]);
});

it('leaves what is being removed to its removal, and says that it is not done', () => {
  const lookup = nodes();
  put(lookup, 'vm', vmOn('a', { deletionRequestedAt: timestampFromMs(1) }));
  expect(diagnose(lookup, [at('a', [domain]), at('b', [domain])])).toMatchObject([
    { kind: 'NOT_READY', place: 'host-a', message: 'its removal is not done' },
  ]);
});

it('tells what differs, and nothing of nodes that a resource is not on', () => {
  const lookup = nodes();
  put(lookup, 'vm', vmOn('a'));
  const deviation = { type: 'vm', id: 'vm-1', message: 'still to do: start' };
  const found = diagnose(lookup, [at('a', [domain], [deviation]), at('b', [], [deviation])]);
  expect(found).toMatchObject([{ kind: 'DIFFERS', place: 'host-a', remedy: 'RECONCILE' }]);
});

it('never offers to do anything about what is foreign', () => {
  const foreign = foreignObject({ backend: 'libvirt', kind: 'domain', name: 'mine' });
  expect(diagnose(nodes(), [at('a', [foreign])])).toEqual([
    {
      ...{ kind: 'FOREIGN', place: 'host-a', owner: undefined },
      ...{ remedy: 'UNSPECIFIED', message: "is not LimiQuantix's" },
    },
  ]);
});

it('sees addresses and room that were given twice', () => {
  const lookup = nodes();
  for (const id of ['p', 'q']) {
    const status = {
      ...{ phase: PortPhase.UP, observedGeneration: 1n, conditions: ready() },
      ...{ macAddress: `52:${id}`, ipAddresses: ['10.0.0.5'] },
    };
    const port = { id, name: id, generation: 1n, spec: { networkId: 'n' }, status };
    put(lookup, 'port', create(PortSchema, port));
  }
  const small = {
    ...{ cpu: { total: 1 }, memory: { totalMib: 512n } },
    ...{ observedGeneration: 0n, conditions: ready() },
  };
  put(lookup, 'node', create(NodeSchema, { id: 'a', name: 'host-a', status: small }));
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 4096n } };
  put(lookup, 'vm', vmOn('a', { spec }));
  const rows = ['p', 'q'].map((id) =>
    ownObject({ backend: 'ovn', kind: 'Logical_Switch_Port', name: id, type: 'port', id }),
  );
  expect(diagnose(lookup, [at('', rows), at('a', [domain])])).toMatchObject([
    {
      kind: 'CONFLICT',
      message: 'has the address 10.0.0.5 of its network, which port p (p) has as well',
    },
    {
      kind: 'CONFLICT',
      message: expect.stringMatching(/^its machines were promised 4096 of \d+ MiB$/),
    },
  ]);
});
