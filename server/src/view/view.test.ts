import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { ViewChange } from '../reconcile/loop.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { recordKey } from '../resource/keys.js';
import { recordKeys, recordWrites } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { openSqliteStore } from '../store/sqlite.js';
import type { Store } from '../store/store.js';
import { View } from './view.js';

describe('view', () => {
  let folder: string;
  let store: Store;
  let view: View;
  const failures: unknown[] = [];

  const open = (historyRevisionsMax = 1000): Store =>
    openSqliteStore({ path: join(folder, 'store.db'), nowMs: () => 0, historyRevisionsMax });
  const look = (): View =>
    new View({
      store,
      types: contractTypes,
      clock: new VirtualClock(),
      onFailure: (error) => failures.push(error),
    });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'limiquantix-view-'));
    store = open();
    view = look();
    failures.length = 0;
  });

  afterEach(async () => {
    await view.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const node = (id: string, name: string) => create(NodeSchema, { id, name, spec: {} });
  const machine = (id: string, nodeId: string): VirtualMachine =>
    create(VirtualMachineSchema, {
      id,
      name: `vm-${id}`,
      projectId: 'default',
      spec: { placement: { requiredNodeIds: [nodeId] } },
    });

  const save = async (type: string, resource: AnyResource, before?: AnyResource) => {
    const writes = recordWrites(contractTypes.get(type), resource, before);
    const result = await store.commit({ require: [], writes });
    if (!result.ok) throw new Error('conflict');
    await view.settled(result.revision);
    return result.revision;
  };

  it('has what was there at the start and what comes after', async () => {
    await store.commit({
      require: [],
      writes: recordWrites(contractTypes.get('node'), node('n1', 'a')),
    });
    await view.start();
    expect(view.get('node', 'n1')?.name).toBe('a');
    const revision = await save('node', node('n2', 'b'));
    expect(view.get('node', 'n2')?.revision).toBe(revision);
    expect(view.list('node')).toHaveLength(2);
    expect(view.revision).toBe(revision);
  });

  it('finds by name, also after a change of names', async () => {
    await view.start();
    await save('node', node('n1', 'a'));
    const find = (name: string) => view.findByName({ type: 'node', projectId: '', name })?.id;
    expect(find('a')).toBe('n1');
    await save('node', node('n1', 'b'), node('n1', 'a'));
    expect([find('a'), find('b')]).toEqual([undefined, 'n1']);
  });

  it('finds who refers to a resource, in its newest version', async () => {
    await view.start();
    await save('vm', machine('v1', 'n1'));
    expect(view.referrers('vm', 'n1').map(({ id }) => id)).toEqual(['v1']);
    await save('vm', machine('v1', 'n2'), machine('v1', 'n1'));
    expect(view.referrers('vm', 'n1')).toEqual([]);
    expect(view.referrers('vm', 'n2').map(({ id }) => id)).toEqual(['v1']);
  });

  it('tells each change with what was before', async () => {
    await view.start();
    const changes: ViewChange[] = [];
    view.onChange((change) => changes.push(change));
    await save('node', node('n1', 'a'));
    await save('node', node('n1', 'b'), node('n1', 'a'));
    const deletes = recordKeys(contractTypes.get('node'), node('n1', 'b'));
    await store.commit({
      require: [],
      writes: deletes.map((key) => ({ kind: 'delete' as const, key })),
    });
    await view.settled(await store.revision());
    expect(changes.map(({ resource, previous }) => [previous?.name, resource?.name])).toEqual([
      [undefined, 'a'],
      ['a', 'b'],
      ['b', undefined],
    ]);
    expect(view.findByName({ type: 'node', projectId: '', name: 'b' })).toBeUndefined();
  });

  it('does not wait for revisions that other keys took', async () => {
    await view.start();
    const result = await store.commit({
      require: [{ kind: 'absent', key: recordKey('node', 'n1') }],
      writes: [{ kind: 'put', key: 'q/1', value: new Uint8Array(1) }],
    });
    if (result.ok) await view.settled(result.revision);
    expect(view.revision).toBe(await store.revision());
  });

  it('ends waiting when it stops', async () => {
    await view.start();
    const waiting = view.settled(99n);
    await Promise.all([view.stop(), expect(waiting).rejects.toThrow('stopping')]);
  });
});
