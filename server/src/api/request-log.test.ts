/** The same request id gives the same resource, also where the server died before its answer. */
import { create } from '@bufbuild/protobuf';
import { ProjectSchema } from '@limiquantix/proto/identity/v1/project_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { View } from '../view/view.js';
import type { ApiContext } from './api-context.js';
import { createResource } from './create-resource.js';
import { sweepRequests } from './request-log.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

const dayMs = 24 * 60 * 60 * 1000;
const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let installation: TestInstallation;

beforeAll(async () => {
  installation = await startTestInstallation({ clock });
}, 30_000);
afterAll(() => installation.stop());

function createIn(context: ApiContext, name: string, requestId: string) {
  const input = create(ProjectSchema, { name, spec: {} }) as never;
  const type = context.types.get('project');
  const caller = { kind: 'system' } as const;
  return createResource(context, { type, input, caller, requestId, validateOnly: false });
}

/** The context of a server that dies right after a commit: what was stored is, and no answer comes. */
function dying(context: ApiContext): ApiContext {
  const { store } = context;
  const commit: typeof store.commit = async (transaction) => {
    await store.commit(transaction);
    throw new Error('the process was killed');
  };
  const dead = new Proxy(store, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...context, store: dead };
}

/** The context of the next process: everything is read from the store anew. */
async function restarted({ types, ...context }: ApiContext) {
  const onFailure = (error: unknown) => {
    throw error;
  };
  const view = new View({ store: context.store, types, clock, onFailure });
  await view.start();
  return { ...context, types, view };
}

it('a repeat gives what another call stores while it is looked up', async () => {
  const { context } = installation;
  const { store } = context;
  let first: Awaited<ReturnType<typeof createIn>> | undefined;
  const get: typeof store.get = async (key) => {
    const entry = await store.get(key);
    // As when a client asks another server again while the first one is at it.
    if (key.startsWith('q/')) first ??= await createIn(context, 'twice', 'r0');
    return entry;
  };
  const slow = new Proxy(store, {
    get: (target, name) => {
      if (name === 'get') return get;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const second = await createIn({ ...context, store: slow }, 'twice', 'r0');
  expect(second.resource.id).toBe(first?.resource.id);
});

it('a repeat gives what was stored before the server died', async () => {
  const { context } = installation;
  await expect(createIn(dying(context), 'once', 'r1')).rejects.toThrow('killed');
  const next = await restarted(context);
  const first = await createIn(next, 'once', 'r1');
  const second = await createIn(next, 'once', 'r1');
  expect(second.resource).toEqual(first.resource);
  const named = next.view.list('project').filter(({ name }) => name === 'once');
  expect(named.map(({ id }) => id)).toEqual([first.resource.id]);
  await next.view.stop();
});

it('many at once give one resource', async () => {
  const { context } = installation;
  const all = await Promise.all(
    Array.from({ length: 10 }, () => createIn(context, 'together', 'r2')),
  );
  expect(new Set(all.map(({ resource }) => resource.id)).size).toBe(1);
});

it('counts for a day and no longer', async () => {
  const { context } = installation;
  const { resource } = await createIn(context, 'daily', 'r3');
  clock.advance(dayMs - 1);
  await sweepRequests(context.store, clock.nowMs());
  expect((await createIn(context, 'daily', 'r3')).resource.id).toBe(resource.id);
  clock.advance(1);
  await sweepRequests(context.store, clock.nowMs());
  await expect(createIn(context, 'daily', 'r3')).rejects.toMatchObject({ reason: 'NAME_TAKEN' });
});
