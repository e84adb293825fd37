import { create } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { type Port, PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { ImageSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { type Volume, VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { createValidate } from '../api/validation.js';
import { LimiError } from '../resource/error.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { admitVm } from './admit-vm.js';
import { Capacity } from './capacity.js';
import { claimsOf } from './claims.js';

const validate = createValidate();
const network = create(VirtualNetworkSchema, {
  id: 'net',
  name: 'lan',
  spec: { ipv4: { cidr: '10.0.0.0/29', gateway: '10.0.0.1' } },
});
const image = create(ImageSchema, {
  id: 'img',
  name: 'tiny',
  status: { virtualSizeBytes: 2n * 1024n ** 3n },
});
const node = create(NodeSchema, {
  id: 'n1',
  name: 'host-1',
  status: { phase: NodePhase.READY, cpu: { total: 4 }, memory: { totalMib: 4608n } },
});

/** A world of resources; what refers to what is said by hand, as the view's index would. */
function worldOf(resources: Partial<Record<TypeName, object[]>>): AdmissionLookup {
  const all = new Map(
    Object.entries({ network: [network], image: [image], node: [node], ...resources }),
  );
  const list = (type: TypeName): AnyResource[] => (all.get(type) ?? []) as AnyResource[];
  const refers = (resource: AnyResource, id: string): boolean =>
    resource.owner?.id === id ||
    (resource as unknown as Port).spec?.networkId === id ||
    Object.values((resource as unknown as VirtualMachine).spec?.disks ?? {}).some(
      (disk) => disk.source.value === id,
    );
  return {
    get: <R extends AnyResource>(type: TypeName, id: string) =>
      list(type).find((one) => one.id === id) as R | undefined,
    referrers: <R extends AnyResource>(type: TypeName, id: string) =>
      list(type).filter((one) => refers(one, id)) as R[],
    list: <R extends AnyResource>(type: TypeName) => list(type) as R[],
    nowMs: () => 0,
    findByName: ({ type, name }) => list(type).find((one) => one.name === name),
    claimant: (key) => list('port').find((one) => claimsOf('port', one).includes(key))?.id,
  };
}

function vm(spec: object = {}, header: object = {}): VirtualMachine {
  return create(VirtualMachineSchema, {
    id: 'vm1',
    name: 'web',
    projectId: 'default',
    ...header,
    spec: {
      cpu: { cores: 1 },
      memory: { sizeMib: 256n },
      disks: { root: disk(2n) },
      nics: { lan: nic() },
      ...spec,
    },
  });
}

const disk = (sizeGib: bigint, more: object = {}) => ({
  source: { case: 'volume' as const, value: { poolId: 'pool', sizeGib, imageId: 'img', ...more } },
});
const nic = (...ipAddresses: string[]) => ({
  source: { case: 'port' as const, value: { networkId: 'net', ipAddresses } },
});

function admit(next: VirtualMachine, previous?: VirtualMachine, world = worldOf({})) {
  let ids = 0;
  const newId = (): string => {
    ids += 1;
    return `new-${ids}`;
  };
  const capacity = Capacity.of(world);
  return admitVm({
    next,
    previous,
    lookup: world,
    newId,
    nowMs: 0,
    random: () => 0,
    validate,
    capacity,
  });
}

function refusal(run: () => unknown): LimiError {
  try {
    run();
  } catch (error) {
    if (error instanceof LimiError) return error;
    throw error;
  }
  throw new Error('it was admitted');
}

test('brings along its volume and port, with the addresses decided and claimed', () => {
  const result = admit(vm());
  expect(result.children.map(({ kind, type, resource }) => [kind, type, resource.name])).toEqual([
    ['create', 'volume', 'web-root'],
    ['create', 'port', 'web-lan'],
  ]);
  const lan = result.resource.status?.nics['lan'];
  expect(lan).toMatchObject({ portId: 'new-2', ipAddresses: ['10.0.0.2'] });
  expect(result.claims.map((claim) => claim.key)).toEqual([
    'ip/net/10.0.0.2',
    `mac/${lan?.macAddress}`,
  ]);
});

test('never gives two interfaces of one machine the same address', () => {
  const result = admit(vm({ nics: { a: nic(), b: nic(), c: nic('10.0.0.2') } }));
  const ips = Object.values(result.resource.status?.nics ?? {}).flatMap((one) => one.ipAddresses);
  expect(new Set(ips).size).toBe(3);
});

test.each<[string, object, string, RegExp]>([
  [
    'an address outside the subnet',
    { nics: { lan: nic('10.9.0.1') } },
    'spec.nics["lan"].port.ip_addresses[0]',
    /outside the network's subnet/,
  ],
  [
    'a disk smaller than its image',
    { disks: { root: disk(1n) } },
    'spec.disks["root"].volume.size_gib',
    /is 1 GiB, less than image tiny needs; give 2 or more/,
  ],
  [
    'more memory than any node has',
    { memory: { sizeMib: 5000n } },
    'spec.memory.size_mib',
    /host-1: 904 MiB of memory are missing/,
  ],
  [
    'more processors than any node gives',
    { cpu: { cores: 33 } },
    'spec.cpu.cores',
    /1 vCPUs are missing/,
  ],
])('refuses %s, with the path and the remedy', (_, spec, path, message) => {
  const error = refusal(() => admit(vm(spec)));
  expect(error.violations[0]?.path).toBe(path);
  expect(error.violations[0]?.message).toMatch(message);
});

test('refuses an address that another port has, and names the port', () => {
  const other = create(PortSchema, {
    id: 'p9',
    name: 'db-lan',
    spec: { networkId: 'net' },
    status: { macAddress: '52:54:00:00:00:09', ipAddresses: ['10.0.0.3'] },
  });
  const world = worldOf({ port: [other] });
  const error = refusal(() => admit(vm({ nics: { lan: nic('10.0.0.3') } }), undefined, world));
  expect(error.reason).toBe('ADDRESS_TAKEN');
  expect(error.message).toMatch(/taken in network lan by port db-lan/);
});

test('refuses a volume that another machine uses', () => {
  const shared = { data: { source: { case: 'volumeId' as const, value: 'vol' } } };
  const other = vm({ disks: shared }, { id: 'vm2', name: 'db' });
  const volume = create(VolumeSchema, { id: 'vol', name: 'data' });
  const world = worldOf({ vm: [other], volume: [volume] });
  const error = refusal(() => admit(vm({ disks: shared }), undefined, world));
  expect(error.message).toMatch(/already used by vm db/);
});

describe('a machine on a node', () => {
  const node2 = create(NodeSchema, { ...node, id: 'n2', name: 'host-2' });
  const on = (id: string, nodeId: string) =>
    create(VolumeSchema, { id, name: id, spec: { poolId: 'pool' }, status: { nodeId } });
  const pool = (id: string, nodeIds: string[]) =>
    create(StoragePoolSchema, { id, name: id, spec: { nodeIds } });
  const world = worldOf({
    node: [node, node2],
    volume: [on('here', 'n1'), on('there', 'n2'), on('nowhere', '')],
    storage_pool: [pool('pool', []), pool('others', ['n2'])],
  });
  const placed = vm({ disks: {} }, { status: { nodeId: 'n1' } });
  const named = (id: string) => ({ source: { case: 'volumeId' as const, value: id } });
  const attach =
    (data: object, previous = placed) =>
    () =>
      admit(vm({ disks: { data } }), previous, world);

  test('takes a volume there, or one that is not made yet', () => {
    expect(attach(named('here'))).not.toThrow();
    expect(attach(named('nowhere'))).not.toThrow();
    expect(attach(disk(2n))).not.toThrow();
  });

  test('refuses a volume on another node, and a pool that does not span its own', () => {
    const volume = refusal(attach(named('there')));
    expect(volume.violations).toEqual([
      {
        path: 'spec.disks["data"].volume_id',
        message:
          'volume there is on node host-2 and the machine on host-1; name a volume on host-1',
      },
    ]);
    const inPool = refusal(attach(disk(2n, { poolId: 'others' })));
    expect(inPool.violations[0]).toMatchObject({
      path: 'spec.disks["data"].volume.pool_id',
      message: expect.stringMatching(/pool others does not span node host-1/),
    });
  });

  test('is not refused other changes because of a volume that it has already', () => {
    const previous = vm({ disks: { data: named('there') } }, { status: { nodeId: 'n1' } });
    expect(attach(named('there'), previous)).not.toThrow();
  });
});

describe('an update', () => {
  const created = admit(vm());
  const children = created.children.map((child) => child.resource);
  const volume = children[0] as unknown as Volume;
  const port = children[1] as unknown as Port;
  const world = worldOf({ volume: [volume], port: [port], vm: [created.resource] });

  test('that touches no device writes no child', () => {
    const next = vm({ memory: { sizeMib: 512n } });
    expect(admit(next, created.resource, world)).toMatchObject({ children: [], claims: [] });
  });

  test('of a size grows the volume, and keeps the address', () => {
    const result = admit(vm({ disks: { root: disk(3n) } }), created.resource, world);
    expect(result.children).toMatchObject([
      { kind: 'update', type: 'volume', resource: { id: volume.id, spec: { sizeGib: 3n } } },
    ]);
    expect(result.resource.status?.nics).toEqual(created.resource.status?.nics);
  });

  test('never shrinks a volume', () => {
    const grown = { ...volume, spec: { ...volume.spec, sizeGib: 9n } } as Volume;
    const larger = worldOf({ volume: [grown], port: [port] });
    const error = refusal(() => admit(vm(), created.resource, larger));
    expect(error.message).toMatch(/can't shrink from 9 to 2 GiB/);
  });

  test('of a fixed address claims the new one and gives the old one back', () => {
    const result = admit(vm({ nics: { lan: nic('10.0.0.5') } }), created.resource, world);
    expect(result.claims.map((claim) => claim.key)).toEqual(['ip/net/10.0.0.5']);
    expect(result.releases.map((claim) => claim.key)).toEqual(['ip/net/10.0.0.2']);
  });

  test('that drops a disk removes its volume, or frees one that is to be kept', () => {
    const dropped = admit(vm({ disks: {} }), created.resource, world);
    expect(dropped.children).toMatchObject([
      { kind: 'delete-request', resource: { id: volume.id } },
    ]);
    const keeping = { ...created.resource, ...vm({ disks: { root: disk(2n, { keep: true }) } }) };
    const kept = admit(vm({ disks: {} }), keeping, world);
    expect(kept.children).toMatchObject([{ kind: 'update', resource: { id: volume.id } }]);
    expect(kept.children[0]?.resource.owner).toBeUndefined();
  });
});
