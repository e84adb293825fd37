/** Observations that are written together: what comes after them must not be overtaken by them. */
import { create } from '@bufbuild/protobuf';
import {
  type Node,
  NodePhase,
  type NodeStatus,
  NodeStatusSchema,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { recordKey } from '../resource/keys.js';
import { patched } from '../resource/patched.js';
import type { Store } from '../store/store.js';
import { freshen } from './api-context.js';
import { StatusWriter } from './status-writer.js';
import { startTestInstallation } from './test-installation.js';
import { makeNode } from './test-world.js';

test('statuses that are written at once are one commit, with what is judged of them', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const installation = await startTestInstallation({ clock, admission });
  const id = await makeNode(installation, 'node-a', 4096n);
  const { context } = installation;
  await freshen(context);
  let commits = 0;
  const store: Store = Object.assign(Object.create(context.store) as Store, {
    commit(transaction: Parameters<Store['commit']>[0]) {
      commits += 1;
      return context.store.commit(transaction);
    },
  });
  const writer = new StatusWriter({ ...context, store });
  const key = { type: 'node', id };
  const phase = (to: NodePhase) =>
    writer.writeStatus<Node>(key, ({ status }) => patched(NodeStatusSchema, status, { phase: to }));
  const observed = create(NodeStatusSchema, { memory: { totalMib: 1n } });
  await Promise.all([
    phase(NodePhase.NOT_READY),
    phase(NodePhase.OFFLINE),
    writer.writeObservations(id, [{ key, status: observed }], (_, { status }) => ({
      ...patched(NodeStatusSchema, status as NodeStatus, { phase: NodePhase.READY }),
    })),
  ]);
  expect(commits).toBe(2);
  expect(context.view.get<Node>('node', id)?.status).toMatchObject({
    phase: NodePhase.READY,
    memory: { totalMib: 1n },
  });
  await installation.stop();
});

test('a batch of which one can not be written fails when nothing of it is under way', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const installation = await startTestInstallation({ clock, admission });
  const ids = [
    await makeNode(installation, 'node-a', 4096n),
    await makeNode(installation, 'node-b', 4096n),
  ];
  const { context } = installation;
  await freshen(context);
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const store: Store = Object.assign(Object.create(context.store) as Store, {
    async commit(transaction: Parameters<Store['commit']>[0]) {
      const isFirst = transaction.writes.some(({ key }) => key === recordKey('node', ids[0] ?? ''));
      if (isFirst) throw new Error('the store is gone');
      await held;
      return context.store.commit(transaction);
    },
  });
  const writer = new StatusWriter({ ...context, store });
  const events: string[] = [];
  const writing = writer
    .writeObservations(
      ids[0] ?? '',
      ids.map((id) => ({
        key: { type: 'node', id },
        status: create(NodeStatusSchema, { memory: { totalMib: 1n } }),
      })),
    )
    .catch((error: unknown) => events.push(String(error)));
  await freshen(context);
  expect(events).toEqual([]);
  goOn();
  await writing;
  expect(events).toEqual(['Error: the store is gone']);
  await freshen(context);
  expect(context.view.get<Node>('node', ids[1] ?? '')?.status?.memory?.totalMib).toBe(1n);
  await installation.stop();
});
