import { create } from '@bufbuild/protobuf';
import { NodePhase, NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  StoragePoolPhase as Phase,
  type StoragePool,
  StoragePoolSchema,
  StoragePoolStatusSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { AgentView } from '../../agent/agent-view.js';
import { readyOf } from '../../resource/ready.js';
import { contractTypes } from '../../resource/type-registry.js';
import { StoragePoolControlDriver } from './storage-pool.js';

const pool = (id: string, path: string, nodeIds: string[] = []) =>
  create(StoragePoolSchema, {
    id,
    name: `pool-${id}`,
    spec: { nodeIds, backend: { case: 'directory', value: { path } } },
    status: { nodes: { n1: { ready: true }, n2: { ready: true } } },
  });

function world(...pools: StoragePool[]) {
  const view = new AgentView(contractTypes, () => 10_000);
  const put = (type: string, resource: Parameters<typeof view.set>[1] & object) =>
    view.set({ type, id: resource.id }, resource);
  for (const id of ['n1', 'n2']) {
    put('node', create(NodeSchema, { id, name: id, status: { phase: NodePhase.READY } }));
  }
  for (const one of pools) put('storage_pool', one);
  return view;
}

const links = { isConnected: () => true, lastHeardMs: () => 0, isRemoved: () => true };

function statusOf(id: string, view: ReturnType<typeof world>) {
  const driver = new StoragePoolControlDriver(links);
  const given = view.get<StoragePool>('storage_pool', id);
  if (given === undefined) throw new Error(`no pool ${id}`);
  return driver.diff(given, { countDue: true }, view).status;
}

test('a pool whose directory another has on a node fails, and says whose it is', () => {
  const view = world(pool('a', '/srv/one'), pool('b', '/srv/one'));
  expect(statusOf('a', view)?.phase).toBe(Phase.READY);
  const status = statusOf('b', view);
  expect(status?.phase).toBe(Phase.FAILED);
  expect(readyOf(status?.conditions)).toMatchObject({
    reason: 'DirectoryTaken',
    message: expect.stringMatching(
      /^spec\.directory\.path is the directory of storage pool pool-a/,
    ),
  });
});

test('a pool that becomes ready has its space in the same status', () => {
  const made = pool('a', '/srv/one');
  made.status = create(StoragePoolStatusSchema, {
    nodes: {
      n1: { ready: true, totalBytes: 5n, availableBytes: 3n },
      n2: { ready: true, totalBytes: 7n, availableBytes: 6n },
    },
    capacity: {},
  });
  const view = world(made);
  // Counted a moment ago, as on the creation of a pool, when no node had told anything.
  const driver = new StoragePoolControlDriver(links);
  const { status } = driver.diff(made, { countDue: false }, view);
  expect(status?.phase).toBe(Phase.READY);
  expect(status?.capacity).toMatchObject({ totalBytes: 12n, availableBytes: 9n });
});

test('pools of one directory on different nodes are no matter', () => {
  const view = world(pool('a', '/srv/one', ['n1']), pool('b', '/srv/one', ['n2']));
  expect(statusOf('b', view)?.phase).toBe(Phase.READY);
});

test('a pool stays until each node that may have been told of it has removed it', async () => {
  const silent = pool('a', '/srv/one');
  silent.status = undefined;
  const view = world(silent);
  const without = (removed: string[]) => {
    const isRemoved = (nodeId: string) => removed.includes(nodeId);
    return new StoragePoolControlDriver({ ...links, isRemoved }).remove(silent, view);
  };
  expect(await without(['n1'])).toMatchObject({ gone: false });
  expect(await without(['n1', 'n2'])).toEqual({ gone: true });
  const nobody = { ...links, isConnected: () => false, isRemoved: () => false };
  // Nodes that were never heard of can have nothing.
  expect(await new StoragePoolControlDriver(nobody).remove(silent, view)).toEqual({ gone: true });
});

test('a pool is looked at again when another is gone', () => {
  const view = world(pool('b', '/srv/one'));
  const driver = new StoragePoolControlDriver(links);
  const change = { resource: undefined, previous: pool('a', '/srv/one') };
  const keys = driver.triggers({ key: { type: 'storage_pool', id: 'a' }, ...change }, view);
  expect(keys).toEqual([{ type: 'storage_pool', id: 'b' }]);
});
