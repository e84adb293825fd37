/**
 * The part of etcd that leadership needs, simulated: leases that end by etcd's own time, and the
 * one key that lives as long as its owner's lease. The product's own `EtcdLeadership` runs on it.
 */

import type { Clock } from '../../server/src/reconcile/clock.js';
import type { CallOptions, Services } from '../../server/src/store/etcd/client.js';
import { unavailable } from '../../server/src/store/etcd/errors.js';
import { encode } from '../../server/src/store/etcd/layout.js';
import type { LeaseStore } from '../../server/src/store/etcd/leadership.js';
import { fencedStore, type SimulatedStore } from './store.js';

interface Leader {
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly revision: bigint;
}

const msOfSecond = 1_000;

/** The leases of one installation. */
export class Leases {
  readonly #time: Clock;
  readonly #endsMs = new Map<bigint, number>();
  #leader: Leader | undefined;
  #count = 0n;

  /** `time` is etcd's own. */
  constructor(time: Clock) {
    this.#time = time;
  }

  /** Who leads, as long as its lease lives. */
  get leader(): Leader | undefined {
    const leader = this.#leader;
    return leader !== undefined && this.#leftMs(leader.lease) > 0 ? leader : undefined;
  }

  grant(seconds: bigint): bigint {
    this.#count += 1n;
    this.#endsMs.set(this.#count, this.#time.nowMs() + Number(seconds) * msOfSecond);
    return this.#count;
  }

  /** The seconds that a lease has from now on; 0 where it is over. */
  renew(lease: bigint, seconds: bigint): bigint {
    if (this.#leftMs(lease) <= 0) return 0n;
    this.#endsMs.set(lease, this.#time.nowMs() + Number(seconds) * msOfSecond);
    return seconds;
  }

  revoke(lease: bigint): void {
    this.#endsMs.delete(lease);
  }

  /** Writes the leader's key where nobody leads; whoever leads then. */
  lead(value: Uint8Array, lease: bigint): Leader {
    const known = this.leader;
    if (known !== undefined) return known;
    this.#count += 1n;
    this.#leader = { value, lease, revision: this.#count };
    return this.#leader;
  }

  #leftMs(lease: bigint): number {
    return (this.#endsMs.get(lease) ?? 0) - this.#time.nowMs();
  }
}

/** How a server reaches the leases. */
export interface LeaseWay {
  /** How long a call takes. */
  readonly delayMs: () => number;
  /** Whether the leases can't be reached now. */
  readonly isCut: () => boolean;
}

const leaseSeconds = 8n;
const callTimeoutMs = 1_500;

/** What leadership is simulated with. */
export interface LeaseOptions {
  readonly clock: Clock;
  readonly way: LeaseWay;
  /** Whether a commit is made, where it is of a leader that leads, or of one that did. */
  readonly isAllowed: (leads: 'this one' | 'another one' | 'nobody') => boolean;
}

/** What a server's leadership works with. */
export function leaseStore(
  leases: Leases,
  store: SimulatedStore,
  { clock, way, isAllowed }: LeaseOptions,
): LeaseStore {
  const ask = async <T>(effect: () => T): Promise<T> => {
    const rest = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.after(ms, resolve);
      });
    if (way.isCut()) {
      await rest(callTimeoutMs);
      throw unavailable('etcd was not reached');
    }
    await rest(way.delayMs());
    const result = effect();
    await rest(way.delayMs());
    return result;
  };
  const call = <T>(make: (services: Services, options: CallOptions) => Promise<T>) =>
    make(servicesOf(leases, ask), { timeoutMs: callTimeoutMs, headers: {} });
  return {
    client: { once: call, repeat: call },
    layout: { leader: encode('leader') },
    fenced: ({ revision }, onLost) => {
      const leads = () => {
        const { leader } = leases;
        if (leader === undefined) return 'nobody';
        return leader.revision === revision ? 'this one' : 'another one';
      };
      return fencedStore(store, () => isAllowed(leads()), onLost);
    },
  };
}

type Ask = <T>(effect: () => T) => Promise<T>;

/** The calls that leadership makes, in the words of etcd's protocol. */
function servicesOf(leases: Leases, ask: Ask): Services {
  const kvOf = (leader: Leader) => ({
    ...{ value: leader.value, lease: leader.lease, modRevision: leader.revision },
  });
  const kv = {
    range: () =>
      ask(() => {
        const { leader } = leases;
        return { kvs: leader === undefined ? [] : [kvOf(leader)] };
      }),
    txn: ({ success }: LeaderTransaction) =>
      ask(() => {
        const put = success[0].request.value;
        const leader = leases.lead(put.value, put.lease);
        const succeeded = leader.lease === put.lease;
        const value = { kvs: [kvOf(leader)] };
        const responses = [{ response: { case: 'responseRange', value } }];
        return { succeeded, header: { revision: leader.revision }, responses };
      }),
  };
  const lease = {
    leaseGrant: ({ TTL }: { readonly TTL: bigint }) => ask(() => ({ ID: leases.grant(TTL) })),
    leaseRevoke: ({ ID }: { readonly ID: bigint }) => ask(() => leases.revoke(ID)),
    async *leaseKeepAlive(requests: AsyncIterable<{ readonly ID: bigint }>) {
      for await (const { ID } of requests) {
        yield await ask(() => ({ TTL: leases.renew(ID, leaseSeconds) }));
      }
    },
  };
  return { kv, lease } as unknown as Services;
}

interface LeaderTransaction {
  readonly success: readonly [
    {
      readonly request: { readonly value: { readonly value: Uint8Array; readonly lease: bigint } };
    },
  ];
}
