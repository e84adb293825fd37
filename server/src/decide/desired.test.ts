import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { ImageSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { AgentView } from '../agent/agent-view.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { affectedBy, nodesOf, relevantBytes } from './desired.js';

function world() {
  const view = new AgentView(contractTypes, () => 0);
  const put = (type: string, resource: AnyResource) =>
    view.set({ type, id: resource.id }, resource);
  const nodes = (type: string, id: string): string[] => {
    const resource = view.get(type, id);
    return resource === undefined ? [] : [...nodesOf(type, resource, view)].sort();
  };
  return { view, put, nodes };
}

const vm = (nodeId: string) =>
  create(VirtualMachineSchema, {
    id: 'vm',
    spec: { nics: { lan: { source: { case: 'port', value: { networkId: 'net' } } } } },
    status: { nodeId, nics: { lan: { portId: 'port' } } },
  });

const volume = (nodeId: string) =>
  create(VolumeSchema, {
    id: 'volume',
    spec: { poolId: 'pool', source: { source: { case: 'imageId', value: 'image' } } },
    status: { nodeId },
  });

function full() {
  const made = world();
  const { put } = made;
  for (const id of ['n1', 'n2']) put('node', create(NodeSchema, { id, labels: { disk: id } }));
  put(
    'storage_pool',
    create(StoragePoolSchema, { id: 'pool', spec: { nodeLabels: { disk: 'n2' } } }),
  );
  put('image', create(ImageSchema, { id: 'image' }));
  put('network', create(VirtualNetworkSchema, { id: 'net' }));
  put(
    'port',
    create(PortSchema, {
      id: 'port',
      owner: { type: 'vm', id: 'vm', device: 'lan' },
      spec: { networkId: 'net' },
    }),
  );
  put('volume', volume('n1'));
  put('vm', vm('n1'));
  return made;
}

describe('nodesOf', () => {
  it('sends what a machine needs to its node, and nothing to others', () => {
    const { nodes } = full();
    for (const [type, id] of [
      ['vm', 'vm'],
      ['port', 'port'],
      ['network', 'net'],
      ['volume', 'volume'],
      ['image', 'image'],
    ] as const) {
      expect([type, nodes(type, id)]).toEqual([type, ['n1']]);
    }
    expect(nodes('node', 'n2')).toEqual(['n2']);
  });

  it('sends a pool to the nodes that it spans and to those that have volumes in it', () => {
    const { nodes, put } = full();
    expect(nodes('storage_pool', 'pool')).toEqual(['n1', 'n2']);
    put('volume', volume(''));
    expect(nodes('storage_pool', 'pool')).toEqual(['n2']);
  });

  it('keeps an image at the nodes that cache it', () => {
    const { nodes, put } = full();
    put('volume', volume(''));
    put('image', create(ImageSchema, { id: 'image', status: { nodes: { n2: { ready: true } } } }));
    expect(nodes('image', 'image')).toEqual(['n2']);
  });
});

describe('affectedBy', () => {
  it('names what follows a machine that moves, and nothing for its other changes', () => {
    const { view, put } = full();
    const moved = put('vm', vm('n2'));
    expect(affectedBy(moved, view).map(({ id }) => id)).toEqual(
      expect.arrayContaining(['port', 'net']),
    );
    const same = put('vm', Object.assign(vm('n2'), { generation: 9n }));
    expect(affectedBy(same, view)).toEqual([]);
  });

  it('names the image and pool of a volume that gets its node', () => {
    const { view, put } = full();
    put('volume', volume(''));
    const ids = affectedBy(put('volume', volume('n2')), view).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['image', 'pool']));
  });

  it("names the pools when a node's labels change", () => {
    const { view, put } = full();
    const change = put('node', create(NodeSchema, { id: 'n1', labels: { disk: 'n2' } }));
    expect(affectedBy(change, view)).toEqual([{ type: 'storage_pool', id: 'pool' }]);
  });
});

describe('relevantBytes', () => {
  const bytes = (resource: AnyResource) =>
    Buffer.from(relevantBytes('volume', resource, VolumeSchema)).toString('hex');

  it('ignores what changes while a node works, and sees intent, place and deletion', () => {
    const before = bytes(volume('n1'));
    const echo = volume('n1');
    Object.assign(echo.status ?? {}, { allocatedBytes: 5n, vmId: '', phase: 3 });
    expect(bytes(Object.assign(echo, { revision: 8n, etag: 'x' }))).toBe(before);
    expect(bytes(volume('n2'))).not.toBe(before);
    const going = Object.assign(volume('n1'), { deletionRequestedAt: timestampFromMs(1) });
    expect(bytes(going)).not.toBe(before);
  });
});
