/**
 * What the apply of one machine costs the control plane: commits, conflicts and passes of its loop,
 * counted on virtual time where nothing goes wrong. A bound that breaks says that something writes
 * what it need not, or that a reconciler is woken by what it doesn't read.
 */
import { create } from '@bufbuild/protobuf';
import { VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { readyOf } from '../../server/src/resource/ready.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { Store, Transaction } from '../../server/src/store/store.js';
import { noTelemetry, type Telemetry } from '../../server/src/telemetry.js';
import { Chance } from './chance.js';
import { simulatedChannel } from './channel.js';
import { Installation } from './installation.js';
import { Timeline } from './timeline.js';
import { WorldModel } from './world-model.js';

const seed = 1;
/** A commit takes as long as the flush of a quick disk. */
const commitMs = 2;
/** Longer than what is gathered, such as events and a project's usage, waits to be written. */
const restMs = 5_000;

test('the apply of a machine with a disk and an interface costs few commits and passes', async () => {
  const site = await Site.up();
  const poolId = await site.make(
    create(StoragePoolSchema, {
      name: 'local',
      spec: { backend: { case: 'directory', value: { path: '/pools/local' } } },
    }),
  );
  const networkId = await site.make(
    create(VirtualNetworkSchema, { name: 'lan', spec: { ipv4: { cidr: '10.9.0.0/24' } } }),
  );
  await site.rest();
  site.counted.clear();
  await site.make(
    create(VirtualMachineSchema, {
      name: 'web',
      spec: {
        cpu: { cores: 1 },
        memory: { sizeMib: 256n },
        disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 1n } } } },
        nics: { lan: { source: { case: 'port', value: { networkId } } } },
      },
    }),
  );
  await site.rest();
  site.down();
  // The creation; node, volume's node and network's row; what the host made of each; the interface
  // that is up; the guest's agent; and once a while pool, node, project and events.
  expect(site.sum('written')).toBeLessThanOrEqual(12);
  expect(site.sum('conflict')).toBe(0);
  expect(site.sum('failed')).toBe(0);
  expect(site.sum('pass of vm')).toBeLessThanOrEqual(5);
  expect(site.sum('pass of')).toBeLessThanOrEqual(23);
});

/** An installation of one host in which nothing goes wrong, and what is counted of its server. */
class Site {
  readonly counted = new Map<string, number>();
  readonly #timeline: Timeline;
  readonly #installation: Installation;
  readonly #model: WorldModel;

  private constructor(timeline: Timeline, installation: Installation) {
    this.#timeline = timeline;
    this.#installation = installation;
    this.#model = new WorldModel(installation.medium);
  }

  static async up(): Promise<Site> {
    const timeline = new Timeline();
    const strange: string[] = [];
    const counts: { count: (what: string) => void } = { count: () => undefined };
    const telemetry: Telemetry = {
      ...noTelemetry,
      committed: ({ outcome }) => counts.count(outcome),
      reconciled: ({ type }) => counts.count(`pass of ${type}`),
    };
    const installation = await Installation.create({
      ...{ timeline, chance: new Chance(seed), hosts: 1, servers: 1, telemetry },
      seams: { store: (store) => flushed(store, timeline) },
      onStrange: (what) => strange.push(what),
    });
    const site = new Site(timeline, installation);
    counts.count = (what) => site.counted.set(what, (site.counted.get(what) ?? 0) + 1);
    await site.#ended(installation.start());
    await site.rest();
    expect(strange).toEqual([]);
    return site;
  }

  /** Creates a resource and waits until it is ready; gives its id. */
  async make(resource: AnyResource): Promise<string> {
    const type = contractTypes.findByMessage(resource.$typeName);
    const methods = type?.methods.write?.create;
    if (type === undefined || methods === undefined) throw new Error('nobody creates such');
    const { method, request, response } = methods;
    const channel = simulatedChannel({
      ...{ name: 'user', clock: this.#timeline.clock, network: this.#installation.network },
      ...{ token: this.#installation.token, endpoint: () => 'server-1' },
      serverOf: this.#installation.serverOf,
    });
    const { signal } = new AbortController();
    const message = create(method.input, { [request.localName]: resource });
    const answer = await this.#ended(channel.unary(method, message, { signal, timeoutMs: 5_000 }));
    const { id } = (answer as unknown as Record<string, AnyResource>)[
      response.localName
    ] as AnyResource;
    const isReady = (): boolean => {
      const conditions = this.#model.get(type.type, id)?.status?.conditions;
      return readyOf(conditions)?.status === ConditionStatus.TRUE;
    };
    expect(await this.#timeline.pass(60_000, isReady)).toBe(true);
    return id;
  }

  /** Lets what was begun come to its end. */
  async rest(): Promise<void> {
    await this.#timeline.pass(restMs);
  }

  /** The sum of what was counted under names that begin so. */
  sum(prefix: string): number {
    const counts = [...this.counted].filter(([what]) => what.startsWith(prefix));
    return counts.reduce((total, [, count]) => total + count, 0);
  }

  down(): void {
    this.#installation.end();
  }

  /** What a promise gives, while time passes. */
  async #ended<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    await this.#timeline.pass(60_000, () => isOver);
    return promise;
  }
}

function flushed(store: Store, { clock }: Timeline): Store {
  return Object.assign(Object.create(store) as Store, {
    async commit(transaction: Transaction) {
      await new Promise<void>((resolve) => clock.after(commitMs, resolve));
      return store.commit(transaction);
    },
  });
}
