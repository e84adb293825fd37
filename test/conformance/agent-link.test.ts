/**
 * An agent and its control plane on every kind of link between them: what is told twice is done
 * once, a link that is lost after any message loses nothing, and of two streams of a node one wins.
 */
import { create } from '@bufbuild/protobuf';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import { VirtualMachineStatusSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { LinkWorld, nodeId } from './agent-link-world.js';
import { agentLinks } from './agent-links.js';

jest.setTimeout(60_000);

const messagesMax = 30;

/** A stream in the hands of a test. */
function streamOf(world: LinkWorld) {
  const end = new AbortController();
  const queue: ConnectRequest[] = [];
  let wake = (): void => undefined;
  async function* requests(): AsyncGenerator<ConnectRequest> {
    while (!end.signal.aborted) {
      const next = queue.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  const say = (message: ConnectRequest['message']): void => {
    queue.push(create(ConnectRequestSchema, { message }));
    wake();
  };
  say({
    case: 'hello',
    value: { $typeName: 'limiquantix.agent.v1.Hello', agentVersion: '1', session: 's' },
  });
  const responses = world.link.open(requests(), end.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<ConnectResponse['message'] | undefined> => {
    const { value } = (await responses.next()) as { value: ConnectResponse | undefined };
    return value?.message;
  };
  const observe = (id: string, nodeGeneration: bigint): void => {
    const status = toBinary(
      VirtualMachineStatusSchema,
      create(VirtualMachineStatusSchema, { nodeGeneration }),
    );
    const item = { type: 'vm', id, status, removed: false };
    const { message } = create(ConnectRequestSchema, {
      message: { case: 'observations', value: { items: [item] } },
    });
    say(message);
  };
  return {
    next,
    observe,
    end() {
      end.abort();
      wake();
    },
  };
}

describe.each(agentLinks)('an agent $name', (link) => {
  let world: LinkWorld;
  beforeEach(async () => {
    world = await LinkWorld.start(link);
  });
  afterEach(() => world.stop());

  it('does once what it is told again with each new stream', async () => {
    world.want('a');
    await world.startAgent();
    await world.until('a is told of', () => world.toldOf('a') === 1n);
    for (let round = 1; round <= 3; round += 1) {
      const { streams } = world;
      world.written.length = 0;
      world.breakStreams();
      await world.until('another stream', () => world.streams > streams);
      await world.until('a is told of again', () => world.toldOf('a') === 1n);
    }
    expect(world.applied).toBe(1);
  });

  it('says that what is absent is removed, and says so again', async () => {
    world.remove('never');
    await world.startAgent();
    await world.until('it is removed', () => world.isRemoved('never'));
    world.breakStreams();
    await world.until('a stream that knows nothing', () => !world.isRemoved('never'));
    await world.until('it is removed again', () => world.isRemoved('never'));
    expect(world.applied).toBe(0);
  });

  it.each(['down', 'up'] as const)(
    'loses nothing with a link that is lost after any message %s',
    async (way) => {
      const agent = await world.startAgent();
      let isHit = true;
      let messages = 0;
      for (let round = 0; isHit && messages < messagesMax; round += 1, messages += 1) {
        const [kept, gone] = [`kept-${round}`, `gone-${round}`];
        await world.until('the agent is heard', () => agent.isConnected);
        world.fault = { way, messages };
        world.breakStreams();
        world.want(kept);
        world.want(gone);
        await world.until(
          'both are told of',
          () => world.toldOf(kept) === 1n && world.toldOf(gone) === 1n,
        );
        world.want(kept, 2n);
        world.remove(gone);
        await world.until('a change', () => world.toldOf(kept) === 2n && world.isRemoved(gone));
        world.drop(gone);
        isHit = world.fault === undefined;
        expect([world.running.get(kept), world.running.has(gone)]).toEqual([2n, false]);
        world.fault = undefined;
      }
      expect(messages).toBeGreaterThan(3);
      expect(isHit).toBe(false);
    },
  );

  it('learns of what changed while there was no link, and what it did meanwhile is learnt', async () => {
    world.want('a');
    world.want('b');
    const first = await world.startAgent();
    await world.until('both run', () => world.toldOf('a') === 1n && world.toldOf('b') === 1n);
    await first.stop();
    world.drop('a');
    world.want('b', 2n);
    world.running.delete('b');
    await world.startAgent();
    await world.until('b is as it is wanted now', () => world.toldOf('b') === 2n);
    await world.until('a is taken away', () => !world.running.has('a'));
  });

  it('has one stream: a newer one ends the older, which is not listened to any more', async () => {
    world.want('a');
    const older = streamOf(world);
    expect([(await older.next())?.case, (await older.next())?.case]).toEqual([
      'welcome',
      'desired',
    ]);
    const newer = streamOf(world);
    expect([(await newer.next())?.case, (await newer.next())?.case]).toEqual([
      'welcome',
      'desired',
    ]);
    await expect(older.next()).rejects.toThrow(/a newer stream of the same node/);
    // A stream within the process works while its next message is waited for.
    newer.next().catch(() => undefined);
    older.observe('a', 7n);
    newer.observe('a', 8n);
    await world.until('the newer is heard', () => world.toldOf('a') === 8n);
    expect(
      world.written.map(
        ({ status }) => (status as unknown as { nodeGeneration: bigint }).nodeGeneration,
      ),
    ).toEqual([8n]);
    expect(world.hub.isConnected(nodeId)).toBe(true);
    older.end();
    newer.end();
  });

  it('brings a change with the trace that it belongs to', async () => {
    const cause = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    world.want('a', 1n, { labels: { cause } });
    const stream = streamOf(world);
    await stream.next();
    const message = await stream.next();
    if (message?.case !== 'desired') throw new Error(`got ${message?.case}`);
    const told = message.value.upserts.map(({ type, traceparent }) => [type, traceparent]);
    expect(told).toEqual([
      ['node', ''],
      ['vm', cause],
    ]);
    stream.end();
  });
});
