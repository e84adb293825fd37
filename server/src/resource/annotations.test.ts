import { create } from '@bufbuild/protobuf';
import {
  CpuSpecSchema,
  DiskBus,
  DiskSpecSchema,
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
  VirtualMachineSpecSchema,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { ImageSchema, ImageStatusSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { intentChanges } from './changes.js';
import { findCondition, setCondition } from './conditions.js';
import { effective } from './default-values.js';
import { forgetNode, mergeStatus } from './merge-status.js';
import { readyCondition } from './ready.js';
import { decodeRecord, encodeRecord, recordWrites } from './record.js';
import { specReferences, statusReferences } from './references.js';
import { withoutOutputOnly, withoutSecrets } from './strip.js';
import { contractTypes } from './type-registry.js';

const vm = contractTypes.get('vm');
const image = contractTypes.get('image');

const machine = (change: (next: VirtualMachine) => void = () => undefined): VirtualMachine => {
  const next = create(VirtualMachineSchema, {
    id: 'v1',
    name: 'web',
    projectId: 'default',
    spec: {
      cpu: { cores: 2 },
      memory: { sizeMib: 1024n },
      disks: {
        root: {
          source: { case: 'volume', value: { poolId: 'p1', sizeGib: 10n, imageId: 'i1' } },
        },
        data: { source: { case: 'volumeId', value: 'd1' } },
      },
      nics: { eth0: { source: { case: 'port', value: { networkId: 'n1' } } } },
      placement: { requiredNodeIds: ['h1', 'h2'] },
      display: { vnc: { password: 'secret' } },
    },
    status: { nodeId: 'h1', nics: { eth0: { portId: 'q1' } } },
  });
  change(next);
  return next;
};

const changesBy = (change: (next: VirtualMachine) => void) =>
  intentChanges(vm, machine(), machine(change)).map(({ path, disruption, immutable }) => [
    path,
    Disruption[disruption],
    immutable,
  ]);

describe('references', () => {
  it('are found in maps, lists and oneofs of the spec, with their paths', () => {
    expect(specReferences(vm, machine())).toEqual([
      { path: 'spec.disks["data"].volume_id', type: 'volume', id: 'd1' },
      { path: 'spec.disks["root"].volume.pool_id', type: 'storage_pool', id: 'p1' },
      { path: 'spec.disks["root"].volume.image_id', type: 'image', id: 'i1' },
      { path: 'spec.nics["eth0"].port.network_id', type: 'network', id: 'n1' },
      { path: 'spec.placement.required_node_ids[0]', type: 'node', id: 'h1' },
      { path: 'spec.placement.required_node_ids[1]', type: 'node', id: 'h2' },
    ]);
  });

  it('of the status are apart', () => {
    expect(statusReferences(vm, machine()).map(({ type, id }) => `${type} ${id}`)).toEqual([
      'node h1',
      'port q1',
    ]);
  });
});

describe('stripping', () => {
  it('removes secrets from a copy and leaves the original', () => {
    const original = machine();
    const shown = withoutSecrets(vm, original);
    expect(shown.spec?.display?.vnc).toBeDefined();
    expect(shown.spec?.display?.vnc?.password).toBeUndefined();
    expect(original.spec?.display?.vnc?.password).toBe('secret');
  });

  it('copies nothing where there is no secret', () => {
    const plain = machine((next) => delete next.spec?.display);
    expect(withoutSecrets(vm, plain)).toBe(plain);
  });

  it('removes status and the server part of the header from input', () => {
    const input = withoutOutputOnly(vm, machine());
    expect([input.id, input.status, input.name]).toEqual(['', undefined, 'web']);
  });
});

describe('changes', () => {
  const root = (next: VirtualMachine) => next.spec?.disks['root'];

  it('tell the path and the cost of each field', () => {
    expect(
      changesBy((next) => {
        next.description = 'x';
        next.labels['a'] = 'b';
        if (next.spec?.cpu) next.spec.cpu.cores = 4;
      }),
    ).toEqual([
      ['labels["a"]', 'LIVE', false],
      ['description', 'LIVE', false],
      ['spec.cpu.cores', 'RESTART', false],
    ]);
  });

  it('compare map entries by key, and an added entry is no immutable change', () => {
    expect(
      changesBy((next) => {
        const source = root(next)?.source;
        if (source?.case === 'volume') source.value.sizeGib = 20n;
        if (next.spec) next.spec.disks['more'] = create(DiskSpecSchema, root(machine()));
        delete next.spec?.disks['data'];
      }),
    ).toEqual([
      ['spec.disks["data"]', 'LIVE', false],
      ['spec.disks["more"]', 'LIVE', false],
      ['spec.disks["root"].volume.size_gib', 'LIVE', false],
    ]);
  });

  it('find immutable fields, also where a oneof goes to another case', () => {
    expect(
      changesBy((next) => {
        const source = root(next)?.source;
        if (source?.case === 'volume') source.value.poolId = 'p2';
        const data = next.spec?.disks['data'];
        if (data) data.source = { case: 'volumeId', value: 'd2' };
      }),
    ).toEqual([
      ['spec.disks["data"].volume_id', 'REPLACE', true],
      ['spec.disks["root"].volume.pool_id', 'REPLACE', true],
    ]);
    const [first] = changesBy((next) => {
      const disk = root(next);
      if (disk) disk.source = { case: 'volumeId', value: 'd2' };
    });
    expect(first).toEqual(['spec.disks["root"].volume_id', 'REPLACE', true]);
  });

  it('cost nothing where the value that holds anyway is written down', () => {
    expect(
      changesBy((next) => {
        if (next.spec?.cpu) next.spec.cpu.sockets = 1;
        const disk = root(next);
        if (disk) disk.bus = DiskBus.VIRTIO_BLK;
      }),
    ).toEqual([
      ['spec.cpu.sockets', 'LIVE', false],
      ['spec.disks["root"].bus', 'LIVE', false],
    ]);
  });
});

describe('effective values', () => {
  it('are the given one, or the default, or zero', () => {
    const cpu = create(CpuSpecSchema, { cores: 2, sockets: 3 });
    expect(effective(CpuSpecSchema, cpu, 'sockets')).toBe(3);
    expect(effective(CpuSpecSchema, cpu, 'threadsPerCore')).toBe(1);
    expect(effective(CpuSpecSchema, undefined, 'cores')).toBe(0);
    const spec = create(VirtualMachineSpecSchema);
    expect(effective(VirtualMachineSpecSchema, spec, 'powerState')).toBe(PowerState.RUNNING);
    expect(effective(DiskSpecSchema, undefined, 'bus')).toBe(DiskBus.VIRTIO_BLK);
  });
});

describe('conditions', () => {
  it('keep the time of the last transition until the status changes', () => {
    const first = setCondition([], readyCondition(ConditionStatus.FALSE, 'A', 'a'), 1000);
    const second = setCondition(first, readyCondition(ConditionStatus.FALSE, 'B', 'b'), 2000);
    expect(findCondition(second, 'Ready')).toMatchObject({
      reason: 'B',
      lastTransitionAt: { seconds: 1n },
    });
    const third = setCondition(second, readyCondition(ConditionStatus.TRUE, 'C', ''), 3000);
    expect(findCondition(third, 'Ready')).toMatchObject({
      status: ConditionStatus.TRUE,
      lastTransitionAt: { seconds: 3n },
    });
    expect(third).toHaveLength(1);
  });
});

describe('merging an observation', () => {
  it('takes the fields that the node observes and no other', () => {
    const current = create(VirtualMachineStatusSchema, {
      nodeId: 'h1',
      nodeMessage: 'old',
      placementReasons: ['why'],
    });
    const observed = create(VirtualMachineStatusSchema, {
      nodeId: 'forged',
      powerState: PowerState.RUNNING,
    });
    const merged = mergeStatus(vm, { current, observed, nodeId: 'h1', nowMs: 0 });
    expect(merged).toMatchObject({
      nodeId: 'h1',
      nodeMessage: '',
      placementReasons: ['why'],
      powerState: PowerState.RUNNING,
    });
    expect(mergeStatus(vm, { current: merged, observed, nodeId: 'h1', nowMs: 9 })).toBe(merged);
  });

  it('takes only the own entry of a map that each node observes', () => {
    const current = create(ImageStatusSchema, { nodes: { h1: { ready: true } } });
    const observed = create(ImageStatusSchema, {
      nodes: { h1: { ready: false }, h2: { ready: true } },
    });
    const merged = mergeStatus(image, { current, observed, nodeId: 'h2', nowMs: 0 });
    expect(merged).toMatchObject({ nodes: { h1: { ready: true }, h2: { ready: true } } });
    const gone = create(ImageStatusSchema);
    const after = mergeStatus(image, { current: merged, observed: gone, nodeId: 'h2', nowMs: 0 });
    expect(Object.keys((after as unknown as typeof current).nodes)).toEqual(['h1']);
    expect(forgetNode(image, after, 'h1')).toMatchObject({ nodes: {} });
  });
});

describe('records', () => {
  it('come back as they were, with the revision of their entry', () => {
    const value = encodeRecord(
      vm,
      machine((next) => (next.revision = 5n)),
    );
    const expected = { ...machine(), revision: 7n };
    // The etag is the revision of the last change of intent: this one's, unless it has an older.
    expect(decodeRecord(vm, { value, revision: 7n })).toEqual({ ...expected, etag: '7' });
    const kept = encodeRecord(
      vm,
      machine((next) => (next.etag = '5')),
    );
    expect(decodeRecord(vm, { value: kept, revision: 7n })).toEqual({ ...expected, etag: '5' });
  });

  it('bring index entries along with a change', () => {
    const writes = (resource: VirtualMachine, before?: VirtualMachine) =>
      recordWrites(vm, resource, before).map(({ kind, key }) => `${kind} ${key}`);
    expect(writes(machine())).toContain('put x/d1/vm/v1');
    const renamed = machine((next) => {
      next.name = 'web2';
      delete next.spec?.disks['data'];
    });
    expect(writes(renamed, machine())).toEqual([
      'put r/vm/v1',
      'put n/vm/default/web2',
      'delete n/vm/default/web',
      'delete x/d1/vm/v1',
    ]);
    const other = create(ImageSchema, { id: 'i', name: 'x', owner: { type: 'vm', id: 'v1' } });
    expect(recordWrites(image, other).map(({ key }) => key)).toContain('o/v1/image/i');
  });
});
