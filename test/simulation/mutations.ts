/**
 * Bugs that a programmer could have written, each behind a switch: a seam of the product is wrapped
 * so that it behaves as if the bug were in it. The simulator must find every one of them, or its
 * silence about the product means nothing.
 */
import { create } from '@bufbuild/protobuf';
import { type Node, NodePhase } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Channel } from '../../provider/src/client/channel.js';
import type { ApiContext } from '../../server/src/api/api-context.js';
import { recordKey } from '../../server/src/resource/keys.js';
import { encodeRecord } from '../../server/src/resource/record.js';
import type { AnyResource, AnyStatus } from '../../server/src/resource/resource.js';
import type { Store, StoreEvent, WatchBatch } from '../../server/src/store/store.js';
import type { DiskImages } from '../../server/src/wire/disk-image/api.js';
import type { LibvirtApi } from '../../server/src/wire/libvirt/api.js';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import type { Northbound } from '../../server/src/wire/ovsdb/northbound.js';
import type { Chance } from './chance.js';

/** Where a bug may be put in; without a member, nothing is changed there. */
export interface Seams {
  /** The store as a server has it. */
  readonly store?: (store: Store, chance: Chance) => Store;
  /** Commits are acknowledged so long before they are on disk. */
  readonly syncedAfterMs?: number;
  /** The commits of a server that leads require nothing more than those of any other. */
  readonly isFenceMissing?: boolean;
  readonly context?: (context: ApiContext) => void;
  readonly northbound?: (api: OvsdbApi<Northbound>) => OvsdbApi<Northbound>;
  readonly libvirt?: (api: LibvirtApi) => LibvirtApi;
  readonly disks?: (disks: DiskImages, chance: Chance) => DiskImages;
  readonly channel?: (channel: Channel, newId: () => string) => Channel;
}

/** A bug. */
export interface Mutation {
  readonly name: string;
  readonly what: string;
  /** How many servers it needs to show; chance decides without it. */
  readonly servers?: number;
  /** The invariant that has to find it, where no other bug would show that it can. */
  readonly foundBy?: string;
  readonly seams: Seams;
}

/** Every bug that the simulator must find. */
export const mutations: readonly Mutation[] = [
  {
    name: 'unsynced-write',
    what: 'a commit is acknowledged before it is on disk',
    servers: 1,
    seams: { syncedAfterMs: 1_000 },
  },
  {
    name: 'missing-fence',
    what: 'the commits of a leader that was deposed still count',
    servers: 2,
    seams: { isFenceMissing: true },
  },
  {
    name: 'stale-cache',
    what: 'reads do not wait until the view has what was written by others before',
    servers: 2,
    seams: { store: (store) => replaced(store, { revision: async () => 0n }) },
  },
  {
    name: 'double-allocation',
    what: 'a port takes its addresses without the claim that nobody else has them',
    seams: { store: withoutClaims },
  },
  {
    name: 'dropped-event',
    what: 'a watch loses a change now and then',
    seams: { store: withLostEvents },
  },
  {
    name: 'wrong-retry',
    what: 'a client asks with another request id when it asks again',
    seams: { channel: withNewRequestIds },
  },
  {
    name: 'lost-undo',
    what: 'a file that could not be removed at once is forgotten',
    seams: { disks: (disks, chance) => replaced(disks, { remove: forgetful(disks, chance) }) },
  },
  {
    name: 'leaked-port',
    what: 'a port is taken out of the records and not out of its switch',
    seams: { northbound: withoutPortRemoval },
  },
  {
    name: 'uncounted-room',
    what: "a machine's room is not counted until its placement is stored",
    seams: { context: countLate },
  },
  {
    name: 'moved-off-silent-node',
    what: 'machines of a node that is not heard of get another one, though they may run there',
    foundBy: 'no machine runs twice',
    seams: { context: moveOffSilentNodes },
  },
  {
    name: 'forgotten-definition',
    what: 'a machine that is removed is stopped and stays defined on its host',
    seams: { libvirt: (api) => replaced(api, { undefine: async () => undefined }) },
  },
];

/** An object with some of its methods replaced; the others are its own. */
function replaced<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(name in methods ? methods : target, name, target);
      return typeof value === 'function' && !(name in methods) ? value.bind(target) : value;
    },
  });
}

function withoutClaims(store: Store): Store {
  const isClaim = (key: string): boolean => key.startsWith('ip/') || key.startsWith('mac/');
  return replaced(store, {
    commit: ({ require, writes }) =>
      store.commit({
        require: require.filter((one) => one.kind === 'empty' || !isClaim(one.key)),
        writes,
      }),
  });
}

const lostEventShare = 0.02;

function withLostEvents(store: Store, chance: Chance): Store {
  const isKept = (_: StoreEvent): boolean => !chance.is(lostEventShare);
  return replaced(store, {
    async *watch(options): AsyncGenerator<WatchBatch> {
      for await (const { events, revision } of store.watch(options)) {
        yield { events: events.filter(isKept), revision };
      }
    },
  });
}

function withNewRequestIds(channel: Channel, newId: () => string): Channel {
  return replaced(channel, {
    unary(method, request, options) {
      if ('requestId' in request && request.requestId !== '') request.requestId = newId();
      return channel.unary(method, request, options);
    },
  });
}

const forgottenShare = 0.3;

function forgetful(disks: DiskImages, chance: Chance): DiskImages['remove'] {
  return async (path) => {
    if (!chance.is(forgottenShare)) await disks.remove(path);
  };
}

function withoutPortRemoval(api: OvsdbApi<Northbound>): OvsdbApi<Northbound> {
  return replaced(api, {
    transact: (operations) =>
      api.transact(operations.filter((one) => !JSON.stringify(one).includes('"delete"'))),
  });
}

function countLate({ capacity }: ApiContext): void {
  const { occupancy } = capacity;
  const hold = occupancy.hold.bind(occupancy);
  occupancy.hold = (vm, nodeId) => {
    if (vm.status?.nodeId === nodeId) hold(vm, nodeId);
  };
}

function moveOffSilentNodes(context: ApiContext): void {
  context.view.onChange(({ key, resource, previous }) => {
    const [now, before] = [resource, previous] as unknown as (Node | undefined)[];
    const isLost =
      now?.status?.phase === NodePhase.NOT_READY && before?.status?.phase === NodePhase.READY;
    if (key.type !== 'node' || !isLost) return;
    const machines = context.view.list('vm') as unknown as readonly VirtualMachine[];
    for (const vm of machines.filter(({ status }) => status?.nodeId === key.id)) {
      void moveOff(context, vm).catch(() => undefined);
    }
  });
}

/** Makes a machine and its disks look as if they had never been given a node. */
async function moveOff({ store, types, view }: ApiContext, vm: VirtualMachine): Promise<void> {
  const placed = { ...vm, status: { ...vm.status, nodeId: '' } } as unknown as AnyResource;
  const volumes = view.referrers('volume', vm.id).map((volume): [string, AnyResource] => {
    const status = create(types.get('volume').status) as AnyStatus;
    return ['volume', { ...volume, status }];
  });
  const changed: readonly [string, AnyResource][] = [['vm', placed], ...volumes];
  const writes = changed.map(([name, resource]) => {
    const value = encodeRecord(types.get(name), resource);
    return { kind: 'put' as const, key: recordKey(name, resource.id), value };
  });
  await store.commit({ require: [], writes });
}
