/**
 * Commits that happen once or not at all, whatever becomes of their answers. Each commit writes a
 * slot of its own beside its keys, and requires that nobody wrote the slot since. When an answer is
 * lost, the slot tells: it has the commit's word, or is written with another one, after which the
 * lost commit can't be made any more. Nothing is ever repeated blindly.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import type { TxnResponse } from '@limiquantix/proto/etcd/rpc_pb.js';
import { busy, pendingMax } from '../bounds.js';
import type { CommitResult, Transaction } from '../store.js';
import type { EtcdClient } from './client.js';
import { isRefusal, leadershipLost, outcomeUnknown, toLimiError, unavailable } from './errors.js';
import {
  decode,
  encode,
  holds,
  type Layout,
  neverCreated,
  type OpInit,
  readKey,
  writtenAt,
} from './layout.js';

/** A key that must still be as it was, for a commit of one who leads. */
export interface Fence {
  readonly key: Uint8Array;
  readonly revision: bigint;
}

/** What commits work with. */
export interface CommitsOptions {
  readonly client: EtcdClient;
  readonly layout: Layout;
  /** A word that no other writer has. */
  readonly writer: string;
}

interface Slot {
  readonly key: Uint8Array;
  /** The revision of the slot's last write; 0 where it isn't known to exist. */
  revision: bigint;
}

/** Commits in flight at once; the others wait. */
const inFlightMax = 128;
/** Slots go by themselves when their writer is gone for so long. */
const leaseSeconds = 3_600;
/** Commits that are known not to have happened are made again, this often. */
const triesMax = 12;
const restMs = 100;

/** The commits of one writer. */
export class Commits {
  readonly #options: CommitsOptions;
  readonly #free: Slot[] = [];
  readonly #waiting: ((slot: Slot) => void)[] = [];
  #slots = 0;
  #words = 0;
  #lease = 0n;
  #inUse = 0;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Takes the lease that the slots live by. Throws STORE_FULL, STORE_UNAVAILABLE. */
  async open(): Promise<void> {
    const { client } = this.#options;
    const { ID } = await client.repeat(({ lease }, options) =>
      lease.leaseGrant({ TTL: BigInt(leaseSeconds) }, options),
    );
    this.#lease = ID;
  }

  /** How often `renew` must be called. */
  static readonly renewMs = (leaseSeconds / 6) * 1_000;

  /** Keeps the slots' lease alive; another one is taken where it is gone. */
  async renew(): Promise<void> {
    const ttl = await keepAlive(this.#options.client, this.#lease);
    if (ttl === 0n) await this.open();
  }

  /** Makes a commit. Throws LEADERSHIP_LOST where the fence was written since. */
  async commit(transaction: Transaction, fence?: Fence): Promise<CommitResult> {
    if (transaction.writes.length === 0) return this.#check(transaction);
    if (this.#waiting.length >= pendingMax) throw busy();
    const slot = await this.#take();
    try {
      return await this.#commit(transaction, slot, fence);
    } finally {
      this.#give(slot);
    }
  }

  /** Removes the slots. */
  async close(): Promise<void> {
    const { client } = this.#options;
    // The lease ends by itself where etcd can't be reached any more.
    await client.once(({ lease }, o) => lease.leaseRevoke({ ID: this.#lease }, o)).catch(isRefusal);
  }

  async #commit(transaction: Transaction, slot: Slot, fence?: Fence): Promise<CommitResult> {
    for (let tries = 1; ; tries += 1) {
      if (slot.revision === 0n) await this.#writeSlot(slot, 'new');
      const word = this.#word();
      let answer: TxnResponse;
      try {
        answer = await this.#send(transaction, { slot, word, fence });
      } catch (cause) {
        if (isRefusal(cause)) throw toLimiError(cause);
        const revision = await this.#resolve(slot, word, cause);
        if (revision !== undefined) return { ok: true, revision };
        if (tries >= triesMax) throw toLimiError(cause);
        await this.#options.client.rest(restMs);
        continue;
      }
      const revision = answer.header?.revision ?? 0n;
      if (answer.succeeded) {
        slot.revision = revision;
        return { ok: true, revision };
      }
      const [slotAt, fenceAt, ...found] = answer.responses.map(revisionIn);
      // The slot's lease ended: nothing happened, and nothing is in flight that could.
      if (slotAt !== slot.revision) {
        slot.revision = 0n;
        if (tries < triesMax) continue;
        throw unavailable('a slot is lost again and again');
      }
      if (fence !== undefined && fenceAt !== fence.revision) throw leadershipLost();
      const failed = transaction.require.find((one, i) => !holds(one, found[i]));
      if (failed === undefined) throw unavailable('etcd refused a commit whose conditions hold');
      return { ok: false, failed };
    }
  }

  /** A transaction that writes nothing: it needs no slot, and may be repeated. */
  async #check({ require }: Transaction): Promise<CommitResult> {
    const { client, layout } = this.#options;
    const request = {
      compare: require.map((one) => layout.compare(one)),
      success: [readKey(layout.head)],
      failure: require.map((one) => layout.probe(one)),
    };
    const answer = await client.repeat(({ kv }, options) => kv.txn(request, options));
    const found = answer.responses.map(revisionIn);
    if (answer.succeeded) return { ok: true, revision: found[0] ?? 0n };
    const failed = require.find((one, i) => !holds(one, found[i]));
    if (failed === undefined) throw unavailable('etcd refused a check whose conditions hold');
    return { ok: false, failed };
  }

  #send(
    { require, writes }: Transaction,
    { slot, word, fence }: { slot: Slot; word: string; fence: Fence | undefined },
  ): Promise<TxnResponse> {
    const { client, layout } = this.#options;
    const fenced = fence === undefined ? [] : [writtenAt(fence.key, fence.revision)];
    const request = {
      compare: [
        writtenAt(slot.key, slot.revision),
        ...fenced,
        ...require.map((one) => layout.compare(one)),
      ],
      success: [
        this.#putSlot(slot, word),
        layout.putHead(),
        ...writes.map((write) => layout.write(write)),
      ],
      failure: [
        readKey(slot.key),
        readKey(fence?.key ?? slot.key),
        ...require.map((one) => layout.probe(one)),
      ],
    };
    return client.once(({ kv }, options) => kv.txn(request, options));
  }

  /** What came of a commit: its revision, or undefined where it isn't made and never will be. */
  async #resolve(slot: Slot, word: string, cause: unknown): Promise<bigint | undefined> {
    const { client } = this.#options;
    const read: OpInit = { request: { case: 'requestRange', value: { key: slot.key } } };
    const request = {
      compare: [writtenAt(slot.key, slot.revision)],
      success: [this.#putSlot(slot, `not ${word}`)],
      failure: [read],
    };
    try {
      const answer = await client.repeat(({ kv }, options) => kv.txn(request, options));
      if (answer.succeeded) {
        slot.revision = answer.header?.revision ?? 0n;
        return undefined;
      }
      const [found] = answer.responses.map(({ response }) =>
        response.case === 'responseRange' ? response.value.kvs[0] : undefined,
      );
      if (found !== undefined) {
        slot.revision = found.modRevision;
        return decode(found.value) === word ? found.modRevision : undefined;
      }
    } catch (error) {
      // Nobody may use this slot before what was sent with it is known: it gets another key.
      this.#replace(slot);
      throw outcomeUnknown(error);
    }
    this.#replace(slot);
    throw outcomeUnknown(cause);
  }

  /** Writes a slot that nothing in flight refers to. */
  async #writeSlot(slot: Slot, word: string): Promise<void> {
    const { client } = this.#options;
    const request = {
      compare: [neverCreated(slot.key)],
      success: [this.#putSlot(slot, word)],
      failure: [readKey(slot.key)],
    };
    const answer = await client.repeat(({ kv }, options) => kv.txn(request, options));
    const [found] = answer.responses.map(revisionIn);
    slot.revision = answer.succeeded ? (answer.header?.revision ?? 0n) : (found ?? 0n);
  }

  #putSlot({ key }: Slot, word: string): OpInit {
    return {
      request: { case: 'requestPut', value: { key, value: encode(word), lease: this.#lease } },
    };
  }

  #word(): string {
    this.#words += 1;
    return String(this.#words);
  }

  #replace(slot: Slot): void {
    Object.assign(slot, this.#newSlot());
  }

  #newSlot(): Slot {
    const { layout, writer } = this.#options;
    this.#slots += 1;
    return { key: layout.slot(writer, this.#slots), revision: 0n };
  }

  /** The slot that was used last first: one writer alone needs one. */
  #take(): Slot | Promise<Slot> {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    if (this.#inUse < inFlightMax) {
      this.#inUse += 1;
      return this.#newSlot();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #give(slot: Slot): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}

/** The revision of the first key in an answer. */
function revisionIn({ response }: TxnResponse['responses'][number]): bigint | undefined {
  return response.case === 'responseRange' ? response.value.kvs[0]?.modRevision : undefined;
}

/** Keeps a lease alive for another of its terms; how many seconds it has now, 0 for a gone one. */
export async function keepAlive(client: Pick<EtcdClient, 'repeat'>, id: bigint): Promise<bigint> {
  return client.repeat(async ({ lease }, options) => {
    const answers = lease.leaseKeepAlive(only({ ID: id }), options);
    for await (const { TTL } of answers) return TTL;
    throw new ConnectError("a lease's stream ended without an answer", Code.Unavailable);
  });
}

async function* only<T>(item: T): AsyncGenerator<T> {
  yield item;
}
