/**
 * How reconcilers write: statuses, deletions of owned resources, and the removal of records of
 * which nothing is left. Each write is a compare-and-swap on the resource's record, tried anew
 * where somebody was faster. Statuses of one resource that are written at the same time are one
 * commit; those of several share the store's flush.
 */
import { equals } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { Judge } from '../reconcile/report.js';
import { LimiError } from '../resource/error.js';
import { claimIndexPrefix, recordKey } from '../resource/keys.js';
import { mergeStatus } from '../resource/merge-status.js';
import { decodeText, encodeRecord } from '../resource/record.js';
import type { AnyResource, AnyStatus, ResourceKey } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { refuseUsed } from './admit.js';
import { type ApiContext, commitPlan, freshen } from './api-context.js';
import { deletedHeader } from './header.js';
import { Lanes } from './lanes.js';
import { WritePlan } from './write-plan.js';

/** What a status writer works with. */
export type WriterContext = ApiContext;

/** What came of finalizing a resource. */
export type Finalization =
  /** It is gone, or was. */
  | 'gone'
  /** Its deletion isn't requested. */
  | 'kept'
  /** Something refers to it, or belongs to it. */
  | 'in-use';

/** What an agent observed of a resource. */
export interface NodeObservation {
  readonly key: ResourceKey;
  readonly status: AnyStatus;
}

/** Tries of one status write. */
const statusRetriesMax = 32;
const claimsMax = 1000;

/** What becomes of a resource's status; nothing for undefined. Pure. */
type Mutate = (current: AnyResource) => AnyStatus | undefined;

interface StatusWrite {
  readonly key: ResourceKey;
  readonly mutate: Mutate;
}

/** Judges nothing: what was observed is written as it is. */
const asObserved: Judge = (_, { status }) => status;

/** Writes for reconcilers. */
export class StatusWriter {
  readonly #context: WriterContext;
  readonly #statuses = new Lanes<StatusWrite, boolean>((_, writes) => this.#write(writes));

  constructor(context: WriterContext) {
    this.#context = context;
  }

  /**
   * Writes the status that `mutate` returns for the current resource; nothing for undefined or an
   * equal one. `mutate` may be called again with a newer version, must be pure, and must not change
   * what it is given; the message type is the caller's claim. Returns whether the resource exists.
   */
  writeStatus<R extends AnyResource>(
    key: ResourceKey,
    mutate: (current: R) => AnyStatus | undefined,
  ): Promise<boolean> {
    const write = { key, mutate: mutate as Mutate };
    return this.#statuses.do(recordKey(key.type, key.id), write);
  }

  /** Writes what came together for one resource, in one commit. */
  async #write(writes: readonly StatusWrite[]): Promise<boolean> {
    const { store, types, view } = this.#context;
    const [{ key } = noWrite()] = writes;
    const type = types.get(key.type);
    for (let tries = 0; tries < statusRetriesMax; tries += 1) {
      const current = view.get(key.type, key.id);
      if (current === undefined) return false;
      const status = mutated(current, writes);
      if (status === undefined || isSame(type, current.status, status)) return true;
      const record = recordKey(key.type, key.id);
      const value = encodeRecord(type, { ...current, status });
      const result = await store.commit({
        require: [{ kind: 'revision', key: record, revision: current.revision }],
        writes: [{ kind: 'put', key: record, value }],
      });
      // Settled either way, so that the next write of the same key is based on this one.
      if (result.ok) {
        await view.settled(result.revision);
        return true;
      }
      await freshen(this.#context);
    }
    throw contended(type, key);
  }

  /**
   * Merges what a node's agent observed into the resources' statuses; those that are gone are
   * skipped. What `judge` makes of them is written with them. Where some can't be written it
   * throws, and not before nothing of the others is under way any more: what is written after this
   * call must not be overtaken by it.
   */
  async writeObservations(
    nodeId: string,
    observations: readonly NodeObservation[],
    judge: Judge = asObserved,
  ): Promise<void> {
    const { types, nowMs } = this.#context;
    const merged = (current: AnyStatus | undefined, { key, status }: NodeObservation): AnyStatus =>
      current === undefined
        ? status
        : mergeStatus(types.get(key.type), { current, observed: status, nodeId, nowMs: nowMs() });
    const written = await Promise.allSettled(
      observations.map((observation) =>
        this.writeStatus(observation.key, (current) => {
          const status = merged(current.status, observation);
          return judge(observation.key, { ...current, status });
        }),
      ),
    );
    for (const one of written) if (one.status === 'rejected') throw one.reason;
  }

  /**
   * Requests a resource's deletion as its owner; nothing where it is gone or going. Throws IN_USE.
   */
  async requestDeletion(key: ResourceKey): Promise<void> {
    await this.#change(key, (resource, type, plan) => {
      if (resource.deletionRequestedAt !== undefined) return false;
      refuseUsed(this.#context, type, resource);
      plan.requestDeletion(type, deletedHeader(resource, this.#sources()), resource);
      return true;
    });
  }

  /** Lets a resource stay when its owner goes: it is nobody's from now on. */
  async disown(key: ResourceKey): Promise<void> {
    await this.#change(key, (resource, type, plan) => {
      if (resource.owner === undefined) return false;
      const { owner: _owner, ...rest } = resource;
      plan.update(type, rest, resource);
      return true;
    });
  }

  /**
   * Removes the record of a resource whose deletion was requested and of which nothing is left,
   * with its name, references and claims. Idempotent.
   */
  async finalize(key: ResourceKey): Promise<Finalization> {
    const { store, types, view } = this.#context;
    const type = types.get(key.type);
    for (let tries = 0; tries < statusRetriesMax; tries += 1) {
      await freshen(this.#context);
      const resource = view.get(key.type, key.id);
      if (resource === undefined) return 'gone';
      if (resource.deletionRequestedAt === undefined) return 'kept';
      const plan = new WritePlan();
      plan.remove(type, resource, await this.#claimsOf(key.id));
      const result = await store.commit(plan.transaction());
      if (result.ok) {
        await view.settled(result.revision);
        return 'gone';
      }
      if (result.failed.kind === 'empty') return 'in-use';
    }
    throw contended(type, key);
  }

  async #change(
    key: ResourceKey,
    change: (resource: AnyResource, type: ResourceType, plan: WritePlan) => boolean,
  ): Promise<void> {
    const type = this.#context.types.get(key.type);
    const { revision } = await commitPlan(this.#context, () => {
      const resource = this.#context.view.get(key.type, key.id);
      const plan = new WritePlan();
      const isChanged = resource !== undefined && change(resource, type, plan);
      return { plan: isChanged ? plan : undefined };
    });
    if (revision !== undefined) await this.#context.view.settled(revision);
  }

  async #claimsOf(ownerId: string): Promise<readonly string[]> {
    const prefix = claimIndexPrefix(ownerId);
    const { entries } = await this.#context.store.list({ prefix, limit: claimsMax });
    const owned: string[] = [];
    for (const { key } of entries) {
      const claim = key.slice(prefix.length);
      // A claim that went to another owner in between is that one's.
      const entry = await this.#context.store.get(claim);
      if (entry !== undefined && decodeText(entry.value) === ownerId) owned.push(claim);
    }
    return owned;
  }

  #sources() {
    return { newId: this.#context.newId, nowMs: this.#context.nowMs() };
  }
}

/** The status after all that is to be written; undefined for no change. */
function mutated(current: AnyResource, writes: readonly StatusWrite[]): AnyStatus | undefined {
  return writes.reduce<AnyStatus | undefined>((status, { mutate }) => {
    const given = status === undefined ? current : { ...current, status };
    return mutate(given) ?? status;
  }, undefined);
}

function noWrite(): never {
  throw new Error('a lane works on something');
}

function isSame(type: ResourceType, before: AnyStatus | undefined, after: AnyStatus): boolean {
  return before === after || (before !== undefined && equals(type.status, before, after));
}

const contended = (type: ResourceType, { id }: ResourceKey): LimiError =>
  new LimiError({
    code: Code.Aborted,
    reason: 'CONTENTION',
    message: `${type.label} ${id} was changed by others ${statusRetriesMax} times in a row; try again`,
    retryable: true,
  });
