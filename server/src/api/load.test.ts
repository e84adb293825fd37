/** What is served at once, and what becomes of the rest. */
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import {
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import type { Caller } from './caller.js';
import { type Arrival, Load } from './load.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

const user = (name: string): Caller => ({ kind: 'user', tokenId: name, name });
const node: Caller = { kind: 'node', nodeId: 'n1' };
const arrival = (caller: Caller, rest: Partial<Arrival> = {}): Arrival => ({
  caller,
  isWatch: false,
  isLocal: false,
  ...rest,
});

/** Calls are taken in until one is refused; returns how many were. */
function fill(load: Load, one: Arrival, countMax = 10_000): number {
  for (let count = 0; count < countMax; count += 1) {
    try {
      load.enter(one);
    } catch {
      return count;
    }
  }
  return countMax;
}

describe('a load', () => {
  const limits = { requestsMax: 64, watchesMax: 16 };

  it('is bounded for requests and watches apart, and says when to come again', () => {
    const load = new Load(limits, () => 0.5);
    fill(load, arrival(user('a')));
    load.enter(arrival(user('a'), { isWatch: true }));
    expect(() => load.enter(arrival(user('a')))).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        reason: 'OVERLOADED',
        retryAfterMs: 625,
        metadata: { bound: 'requests', max: '64' },
      }),
    );
  });

  it('keeps its last part for those who have little in flight', () => {
    const load = new Load(limits, () => 0);
    expect(fill(load, arrival(user('flood')))).toBe(56);
    expect(fill(load, arrival(user('other flood')))).toBe(1);
    for (let i = 0; i < 7; i += 1) load.enter(arrival(user(`u${i}`)));
    expect(fill(load, arrival(user('one too many')))).toBe(0);
  });

  it('of users takes nothing from agents or from users of the machine itself', () => {
    const load = new Load(limits, () => 0);
    for (let i = 0; i < 100; i += 1) fill(load, arrival(user(`u${i}`)));
    expect(fill(load, arrival(node), 5_000)).toBe(5_000);
    expect(fill(load, arrival(user('root'), { isLocal: true }), 100)).toBe(100);
    expect(fill(load, arrival({ kind: 'anonymous' }), 10)).toBe(10);
  });

  it('is less by one for each call that ends, however often that is said', () => {
    const load = new Load({ ...limits, requestsMax: 1 }, () => 0);
    const leave = load.enter(arrival(user('a')));
    leave();
    leave();
    expect(fill(load, arrival(user('a')))).toBe(1);
  });
});

describe('a server', () => {
  let installation: TestInstallation;
  const load = new Load({ requestsMax: 1, watchesMax: 2 }, () => 0.5);
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));

  beforeAll(async () => {
    installation = await startTestInstallation({ clock, load });
  });
  afterAll(() => installation.stop());

  const refusal = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      (cause: unknown) => ConnectError.from(cause),
    );
    const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
    const [retry] = error?.findDetails(RetryInfoSchema) ?? [];
    const delay = retry?.retryDelay;
    return { code: error?.code, reason: info?.reason, retryAfterMs: delay && durationMs(delay) };
  };
  const overloaded = { code: Code.ResourceExhausted, reason: 'OVERLOADED', retryAfterMs: 625 };

  it.each(['connect', 'grpc', 'grpc-web'] as const)(
    'refuses requests that are too many (%s)',
    async (protocol) => {
      const client = installation.client(NodeService, { protocol });
      const leave = load.enter(arrival(user('somebody')));
      expect(await refusal(client.listNodes({}))).toEqual(overloaded);
      leave();
      await client.listNodes({});
      await client.listNodes({});
    },
  );

  it('refuses watches that are too many, until one of them ends', async () => {
    const stop = new AbortController();
    const open = async (signal: AbortSignal) => {
      const [first] = [installation.client(NodeService).watchNodes({}, { signal })];
      await first?.[Symbol.asyncIterator]().next();
    };
    const others = new AbortController();
    await open(stop.signal);
    const leave = load.enter(arrival(user('another'), { isWatch: true }));
    expect(await refusal(open(others.signal))).toEqual(overloaded);
    stop.abort();
    // The server learns of it in its own time.
    while ((await refusal(open(others.signal))).code !== undefined);
    leave();
    others.abort();
  });

  it.each(['connect', 'grpc', 'grpc-web'] as const)(
    'says how long a message may be (%s)',
    async (protocol) => {
      const client = installation.client(ProjectService, { protocol });
      const description = 'x'.repeat(7 * 1024 * 1024);
      const work = client.createProject({ project: { name: 'big', description } });
      const error = await work.then(
        () => undefined,
        (cause: unknown) => ConnectError.from(cause),
      );
      expect(error?.code).toBe(Code.ResourceExhausted);
      expect(error?.rawMessage).toContain('this server takes 6 MiB at most');
      expect(error?.findDetails(ErrorInfoSchema)[0]?.reason).toBe('MESSAGE_TOO_BIG');
      expect(error?.findDetails(RetryInfoSchema)).toEqual([]);
      await client.listProjects({});
    },
  );
});
