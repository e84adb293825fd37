/** Watches whose clients read slowly, or not at all. */
import { Code, ConnectError } from '@connectrpc/connect';
import {
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { decodeShared } from '../resource/record.js';
import { Load } from './load.js';
import { PacedWatch, stallMsMax } from './paced-watch.js';
import { startTestInstallation } from './test-installation.js';
import { watchResources } from './watch-resources.js';

describe('a paced watch', () => {
  function start({ isRecent = false } = {}) {
    const clock = new VirtualClock();
    const said: string[] = [];
    async function* numbers() {
      try {
        for (let revision = 1n; ; revision += 1n) yield { revision };
      } finally {
        said.push('let go');
      }
    }
    const watch = new PacedWatch({
      events: numbers(),
      isRecent: () => isRecent,
      clock,
      hangUp: () => void said.push('hung up'),
    });
    return { clock, said, watch };
  }

  it('goes on for ever with a client that reads, however far behind', async () => {
    const { clock, said, watch } = start();
    for (let revision = 1n; revision < 100n; revision += 1n) {
      expect(await watch.next()).toEqual({ done: false, value: { revision } });
      clock.advance(stallMsMax - 1);
    }
    expect(said).toEqual([]);
  });

  it('goes on with a client that reads nothing while nothing is lost by that', async () => {
    const { clock, said, watch } = start({ isRecent: true });
    await watch.next();
    clock.advance(100 * stallMsMax);
    expect(said).toEqual([]);
    expect(await watch.next()).toEqual({ done: false, value: { revision: 2n } });
  });

  it('lets go of what it holds for a client that stops reading, and says where to go on', async () => {
    const { clock, said, watch } = start();
    await watch.next();
    await watch.next();
    clock.advance(2 * stallMsMax);
    await Promise.resolve();
    expect(said).toEqual(['let go']);
    await expect(watch.next()).rejects.toMatchObject({
      code: Code.Aborted,
      reason: 'WATCH_BEHIND',
      metadata: { resume_revision: '2' },
      retryable: true,
    });
    clock.advance(100 * stallMsMax);
    expect(said).toEqual(['let go']);
  });

  it('hangs up where not even that is read', async () => {
    const { clock, said, watch } = start();
    await watch.next();
    clock.advance(3 * stallMsMax);
    expect(said).toContain('hung up');
  });

  it('leaves no timer behind', async () => {
    const { clock, watch } = start();
    await watch.next();
    await watch.return();
    expect(clock.nextDueMs).toBeUndefined();
  });
});

it.each(['grpc', 'grpc-web'] as const)(
  'cuts off a client that stops reading (%s); it goes on from there without a gap',
  async (protocol) => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const load = new Load({ requestsMax: 1000, watchesMax: 10 }, () => 0);
    const installation = await startTestInstallation({ clock, load, eventsKeptMax: 64 });
    const { store } = installation.context;
    const projects = installation.client(ProjectService);
    const names = Array.from({ length: 500 }, (_, i) => `p${i}`);
    const description = 'x'.repeat(1000);
    const { revision: fromRevision } = await projects.listProjects({});
    const watching = () => installation.client(ProjectService, { protocol });
    const slow = watching().watchProjects({ fromRevision })[Symbol.asyncIterator]();
    expect((await slow.next()).value).toMatchObject({ type: EventType.BOOKMARK });
    await Promise.all(
      names.map((name) => projects.createProject({ project: { name, description, spec: {} } })),
    );
    let wasCut = false;
    const isRecent = store.isRecent.bind(store);
    store.isRecent = (revision) => {
      const answer = isRecent(revision);
      wasCut ||= !answer;
      return answer;
    };
    while (!wasCut) {
      clock.advance(stallMsMax);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seen: string[] = [];
    let resume: bigint | undefined;
    try {
      for (let next = await slow.next(); next.done !== true; next = await slow.next()) {
        seen.push(next.value.project?.name ?? '');
      }
    } catch (cause) {
      const error = ConnectError.from(cause);
      expect(error.code).toBe(Code.Aborted);
      expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
      resume = BigInt(error.findDetails(ErrorInfoSchema)[0]?.metadata['resume_revision'] ?? '');
    }
    expect(seen.length).toBeLessThan(names.length);
    for await (const { project } of watching().watchProjects({ fromRevision: resume ?? 0n })) {
      if (project !== undefined) seen.push(project.name);
      if (seen.length === names.length) break;
    }
    expect([...seen].sort()).toEqual([...names].sort());
    await installation.stop();
  },
  60_000,
);

it('a watch that breaks off anywhere goes on without a gap', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const installation = await startTestInstallation({ clock });
  const { context } = installation;
  const projects = installation.client(ProjectService);
  const names = ['a', 'b', 'c'];
  for (const name of names) await projects.createProject({ project: { name, spec: {} } });
  // One commit that changes all three: their records as they are, written again.
  const { entries } = await context.store.list({ prefix: 'r/project/', limit: 10 });
  const writes = entries.map(({ key, value }) => ({ kind: 'put', key, value }) as const);
  const before = await context.store.revision();
  await context.store.commit({ require: [], writes });
  const read = async (fromRevision: bigint, count: number) => {
    const { signal } = new AbortController();
    const type = context.types.get('project');
    const request = {
      type,
      fromRevision,
      signal,
      filter: '',
      projectId: '',
      accessNow: () => context.access,
    };
    const seen: string[] = [];
    let revision = fromRevision;
    for await (const event of watchResources(context, request).events) {
      // The project `default` was there before.
      const { name = 'default' } = event.record ? decodeShared(type, event.record) : {};
      if (name !== 'default') seen.push(name);
      ({ revision } = event);
      if (seen.length >= count || revision > before) break;
    }
    return { seen, revision };
  };
  for (const from of [0n, before]) {
    for (const count of [1, 2, 3]) {
      const first = await read(from, count);
      expect(first.seen).toHaveLength(count);
      const rest = first.revision > before ? [] : (await read(first.revision, 3)).seen;
      expect(new Set([...first.seen, ...rest])).toEqual(new Set(names));
    }
  }
  await installation.stop();
});
