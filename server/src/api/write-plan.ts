/**
 * One store transaction in the making: the records of resources with everything that belongs to
 * them (names, references, owners, claims, deletion marks) and what must hold so that no two
 * commits ever contradict each other. The one place that knows which keys guard what.
 */

import type { Claim } from '../decide/admission.js';
import type { Usage } from '../decide/occupancy.js';
import { type Amounts, plus } from '../decide/quota.js';
import {
  childPrefix,
  claimIndexKey,
  deletionKey,
  recordKey,
  referencePrefix,
} from '../resource/keys.js';
import { encodeText, nameKeyOf, recordWrites } from '../resource/record.js';
import { specReferences } from '../resource/references.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Requirement, Transaction, Write } from '../store/store.js';

/** A resource that is stored. */
export interface PlannedWrite {
  readonly type: ResourceType;
  readonly resource: AnyResource;
  readonly previous: AnyResource | undefined;
}

/** Room on nodes, by node, with what was used of them when it was decided on. */
export interface KeptRoom {
  readonly room: ReadonlyMap<string, Usage>;
  readonly usedBefore: ReadonlyMap<string, Usage>;
}

/** A transaction in the making. */
export class WritePlan {
  /** The room that is kept, by resource. */
  readonly rooms = new Map<string, KeptRoom>();
  /** What is given back of quotas by a record that isn't planned yet, by project. */
  readonly givenBack = new Map<string, Amounts>();
  readonly #require = new Map<string, Requirement>();
  readonly #writes = new Map<string, Write>();
  readonly #created = new Set<string>();
  readonly #claimants = new Map<string, string>();
  readonly #changes = new Map<string, PlannedWrite>();
  #turn: string | undefined;

  /**
   * Stores a new resource. It fails if its name is taken, or what it refers to is gone or going.
   */
  create(type: ResourceType, resource: AnyResource): void {
    this.#created.add(resource.id);
    this.#changes.set(resource.id, { type, resource, previous: undefined });
    this.require({ kind: 'absent', key: recordKey(type.type, resource.id) });
    this.require({ kind: 'absent', key: nameKeyOf(type, resource) });
    this.#requireReferences(type, resource, new Set());
    const owner = resource.owner;
    if (owner !== undefined && !this.#created.has(owner.id)) {
      this.require({ kind: 'exists', key: recordKey(owner.type, owner.id) });
    }
    for (const write of recordWrites(type, resource)) this.write(write);
  }

  /**
   * Stores a changed resource. It fails if anybody wrote the resource since `previous` was read.
   */
  update(type: ResourceType, resource: AnyResource, previous: AnyResource): void {
    this.#requireUnchanged(type, previous);
    this.#changes.set(resource.id, { type, resource, previous });
    const name = nameKeyOf(type, resource);
    if (name !== nameKeyOf(type, previous)) this.require({ kind: 'absent', key: name });
    this.#requireReferences(type, resource, targetsOf(type, previous));
    for (const write of recordWrites(type, resource, previous)) this.write(write);
  }

  /** Stores a resource whose deletion was requested. It fails if something refers to it. */
  requestDeletion(type: ResourceType, resource: AnyResource, previous: AnyResource): void {
    this.update(type, resource, previous);
    this.require({ kind: 'empty', prefix: referencePrefix(resource.id) });
    const key = deletionKey(resource.id);
    this.write({ kind: 'put', key, value: encodeText('') });
  }

  /** Notes that a deletion may go on where a node can't be asked. */
  forceDeletion(id: string): void {
    this.write({ kind: 'put', key: deletionKey(id), value: encodeText(forced) });
  }

  /**
   * Removes a resource with every key that it has. It fails if something refers to it or is owned
   * by it.
   */
  remove(type: ResourceType, resource: AnyResource, claims: readonly string[]): void {
    this.#requireUnchanged(type, resource);
    this.require({ kind: 'empty', prefix: referencePrefix(resource.id) });
    this.require({ kind: 'empty', prefix: childPrefix(resource.id) });
    const own = recordWrites(type, resource).map(({ key }) => key);
    const claimed = claims.flatMap((key) => [key, claimIndexKey(resource.id, key)]);
    for (const key of [...own, ...claimed, deletionKey(resource.id)]) {
      this.write({ kind: 'delete', key });
    }
  }

  /** Takes claims and gives others back. It fails if one that isn't given back here is taken. */
  claim(claims: readonly Claim[], releases: readonly Claim[]): void {
    const released = new Set(releases.map(({ key }) => key));
    for (const { key, ownerId } of releases) {
      this.write({ kind: 'delete', key });
      this.write({ kind: 'delete', key: claimIndexKey(ownerId, key) });
    }
    for (const { key, ownerId } of claims) {
      if (!released.has(key)) this.require({ kind: 'absent', key });
      this.#claimants.set(key, ownerId);
      const value = encodeText(ownerId);
      this.write({ kind: 'put', key, value });
      this.write({ kind: 'put', key: claimIndexKey(ownerId, key), value });
    }
  }

  /** Notes what a record, which is planned later on, gives back of its project's quota. */
  giveBack(projectId: string, amounts: Amounts): void {
    this.givenBack.set(projectId, plus(this.givenBack.get(projectId) ?? new Map(), amounts));
  }

  /** Keeps room on nodes for what a resource will make, from the commit on. */
  keepRoom(id: string, kept: KeptRoom): void {
    this.rooms.set(id, kept);
  }

  /** Who takes a claim here; undefined for nobody. */
  claimant(key: string): string | undefined {
    return this.#claimants.get(key);
  }

  /** How many keys are written. */
  get size(): number {
    return this.#writes.size;
  }

  /** Adds a requirement. */
  require(requirement: Requirement): void {
    const at = requirement.kind === 'empty' ? requirement.prefix : requirement.key;
    this.#require.set(`${requirement.kind} ${at}`, requirement);
  }

  /** Adds a write; the last one on a key counts. */
  write(write: Write): void {
    this.#writes.set(write.key, write);
  }

  /** The resources that are stored, as they were and as they will be. */
  get changes(): readonly PlannedWrite[] {
    return [...this.#changes.values()];
  }

  /** Plans of the same turn are made and committed one after the other. */
  takeTurn(name: string): void {
    this.#turn = name;
  }

  /** What it takes a turn with; undefined for nothing. */
  get turn(): string | undefined {
    return this.#turn;
  }

  /** The transaction. */
  transaction(): Transaction {
    return { require: [...this.#require.values()], writes: [...this.#writes.values()] };
  }

  #requireUnchanged(type: ResourceType, previous: AnyResource): void {
    const key = recordKey(type.type, previous.id);
    this.require({ kind: 'revision', key, revision: previous.revision });
  }

  #requireReferences(type: ResourceType, resource: AnyResource, known: ReadonlySet<string>): void {
    for (const reference of specReferences(type, resource)) {
      if (known.has(reference.id) || this.#created.has(reference.id)) continue;
      this.require({ kind: 'exists', key: recordKey(reference.type, reference.id) });
      this.require({ kind: 'absent', key: deletionKey(reference.id) });
    }
  }
}

/** What a deletion mark holds where a node need not be asked. */
export const forced = 'force';

const targetsOf = (type: ResourceType, resource: AnyResource): ReadonlySet<string> =>
  new Set(specReferences(type, resource).map(({ id }) => id));
