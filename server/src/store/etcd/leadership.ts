/**
 * Leadership by a lease in etcd. The leader's key lives as long as its lease; its revision is the
 * fence that each of the leader's commits requires, so that a commit of one who was deposed fails
 * whenever it arrives. Effects outside of the store can't be fenced so: the leader counts its lease
 * as over before etcd does, by the time at which it asked for it, and ends its duty then.
 */
import type { Duty, Lead, Leadership } from '../leadership.js';
import type { EtcdClient, Timers } from './client.js';
import { keepAlive } from './commits.js';
import type { EtcdStore } from './etcd.js';
import { decode, encode, type Layout, neverCreated } from './layout.js';

/** What leadership needs of a store. */
export interface LeaseStore extends Pick<EtcdStore, 'fenced'> {
  readonly client: Pick<EtcdClient, 'once' | 'repeat'>;
  readonly layout: Pick<Layout, 'leader'>;
}

/** What leadership works with. */
export interface EtcdLeadershipOptions {
  readonly store: LeaseStore;
  readonly timers: Timers;
  /** A clock that only goes forward, in milliseconds. */
  readonly monotonicMs: () => number;
  /** A word that no other process has. */
  readonly id: string;
  /** Told when this server begins or ends to lead, or another one leads, and of failures. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
  /** How long the lease lasts without being renewed; 8 seconds without it. */
  readonly leaseSeconds?: number;
}

const leaseSecondsDefault = 8;
/** The lease is renewed this often within its time. */
const renewalsOfLease = 8;
/** How long before its end a lease counts as over: an effect that was begun is over by then. */
const marginOfLease = 0.3;
const pollMs = 500;

interface Won {
  readonly lease: bigint;
  /** The revision of the leader's key. */
  readonly token: bigint;
  validUntilMs: number;
}

/** Takes part in the leadership of an installation. */
export class EtcdLeadership implements Leadership {
  readonly #options: EtcdLeadershipOptions;
  readonly #leaseSeconds: number;
  #isLeading = false;
  #leaderUrl: string | undefined;
  #url = '';
  readonly #stopping = new AbortController();
  #end = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: EtcdLeadershipOptions) {
    this.#options = options;
    this.#leaseSeconds = options.leaseSeconds ?? leaseSecondsDefault;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  get leaderUrl(): string | undefined {
    return this.#leaderUrl;
  }

  async start(url: string, lead: Lead): Promise<void> {
    this.#url = url;
    this.#running ??= this.#run(lead);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#end.abort();
    await this.#running;
  }

  async #run(lead: Lead): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        const won = await this.#campaign();
        if (won !== undefined) await this.#serve(won, lead);
      } catch (error) {
        if (!this.#stopping.signal.aborted) this.#options.onFailure(error);
      }
      await this.#rest(pollMs);
    }
  }

  /** Takes the leadership where nobody has it. */
  async #campaign(): Promise<Won | undefined> {
    const { client, layout } = this.#options.store;
    const { kvs } = await client.repeat(({ kv }, options) =>
      kv.range({ key: layout.leader }, options),
    );
    const [leader] = kvs;
    if (leader !== undefined) {
      this.#follow(leader.value);
      return undefined;
    }
    this.#setLeader(undefined);
    if (this.#stopping.signal.aborted) return undefined;
    const askedMs = this.#options.monotonicMs();
    const { ID: lease } = await client.repeat(({ lease: service }, options) =>
      service.leaseGrant({ TTL: BigInt(this.#leaseSeconds) }, options),
    );
    const value = encode(JSON.stringify({ id: this.#options.id, url: this.#url }));
    const put = { key: layout.leader, value, lease };
    const request = {
      compare: [neverCreated(layout.leader)],
      success: [{ request: { case: 'requestPut', value: put } as const }],
      failure: [{ request: { case: 'requestRange', value: { key: layout.leader } } as const }],
    };
    const answer = await client.repeat(({ kv }, options) => kv.txn(request, options));
    const response = answer.responses[0]?.response;
    const found = response?.case === 'responseRange' ? response.value.kvs[0] : undefined;
    // An answer may have been lost, and the key be ours already.
    const token = answer.succeeded ? answer.header?.revision : ours(found, lease);
    if (token !== undefined) return { lease, token, validUntilMs: this.#validUntil(askedMs) };
    await this.#revoke(lease);
    if (found !== undefined) this.#follow(found.value);
    return undefined;
  }

  /** Leads until the lease is over, a commit was fenced off, or `stop`. */
  async #serve(won: Won, lead: Lead): Promise<void> {
    const { store, monotonicMs } = this.#options;
    const end = new AbortController();
    this.#end = end;
    if (this.#stopping.signal.aborted) end.abort();
    const cancelWatch = this.#endInTime(won, end);
    const renewing = this.#renew(won, end);
    const fence = { key: store.layout.leader, revision: won.token };
    let duty: Duty | undefined;
    try {
      duty = await lead({
        store: store.fenced(fence, () => end.abort()),
        isValid: () => !end.signal.aborted && monotonicMs() < won.validUntilMs,
      });
      this.#isLeading = true;
      this.#options.onChange();
      await aborted(end.signal);
    } finally {
      end.abort();
      cancelWatch();
      this.#isLeading = false;
      this.#options.onChange();
      await duty?.stop();
      await renewing;
      // Only now: whoever gets the lease next may act at once.
      await this.#revoke(won.lease);
    }
  }

  async #renew(won: Won, end: AbortController): Promise<void> {
    const { store, monotonicMs, onFailure } = this.#options;
    while (!end.signal.aborted) {
      await this.#rest((this.#leaseSeconds * 1_000) / renewalsOfLease, end.signal);
      if (end.signal.aborted) return;
      const askedMs = monotonicMs();
      try {
        const seconds = await keepAlive(store.client, won.lease);
        if (seconds === 0n) end.abort();
        else won.validUntilMs = this.#validUntil(askedMs);
      } catch (error) {
        if (!end.signal.aborted) onFailure(error);
      }
    }
  }

  /** Ends the term when the lease counts as over, whatever a renewal waits for. */
  #endInTime(won: Won, end: AbortController): () => void {
    const { timers, monotonicMs } = this.#options;
    let cancel = (): void => undefined;
    const look = (): void => {
      const leftMs = won.validUntilMs - monotonicMs();
      if (leftMs <= 0) end.abort();
      else cancel = timers.after(leftMs, look);
    };
    look();
    return () => cancel();
  }

  /** Until when a lease that was asked for at a time counts as ours. */
  #validUntil(askedMs: number): number {
    return askedMs + this.#leaseSeconds * 1_000 * (1 - marginOfLease);
  }

  async #revoke(lease: bigint): Promise<void> {
    const { store, onFailure } = this.#options;
    // It ends by itself where etcd can't be reached.
    await store.client
      .once(({ lease: service }, options) => service.leaseRevoke({ ID: lease }, options))
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) onFailure(error);
      });
  }

  #follow(value: Uint8Array): void {
    const { url } = JSON.parse(decode(value)) as { readonly url?: unknown };
    this.#setLeader(typeof url === 'string' ? url : undefined);
  }

  #setLeader(url: string | undefined): void {
    if (url === this.#leaderUrl) return;
    this.#leaderUrl = url;
    this.#options.onChange();
  }

  /** Resolves after a while, when the signal aborts, or when this server stops. */
  #rest(delayMs: number, signal: AbortSignal = this.#stopping.signal): Promise<void> {
    const either = AbortSignal.any([signal, this.#stopping.signal]);
    if (either.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(delayMs, resolve);
      either.addEventListener(
        'abort',
        () => {
          cancel();
          resolve();
        },
        { once: true },
      );
    });
  }
}

function ours(
  found: { readonly lease: bigint; readonly modRevision: bigint } | undefined,
  lease: bigint,
): bigint | undefined {
  return found?.lease === lease ? found.modRevision : undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
