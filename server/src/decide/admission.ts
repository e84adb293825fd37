/**
 * Admission: what a resource type decides when its intent is created or changed, before it is
 * stored. Pure functions of the resource and a view of the others; the API calls them, writes what
 * they return in one store transaction, and calls them again with a newer view where that
 * transaction conflicts.
 */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { AdmissionLookup } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { Capacity } from './capacity.js';
import type { Usage } from './occupancy.js';
import type { Amounts } from './quota.js';
import type { Growth } from './vm-growth.js';

/** What admission decides on. */
export interface AdmissionInput<R extends AnyResource = AnyResource> {
  /**
   * The resource as it would be stored, with its whole header (id, project, generation, …). Its
   * intent has passed the contract's checks, and what it refers to exists. At a creation, `status`
   * isn't set.
   */
  readonly next: R;
  /** The resource as it is; undefined at a creation. */
  readonly previous: R | undefined;
  /** The other resources; includes every change that was answered before this call began. */
  readonly lookup: AdmissionLookup;
  /** A new id (UUIDv7), for a child. */
  readonly newId: () => string;
  /** The clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** A number from 0 (included) to 1 (excluded). */
  readonly random: () => number;
  /** Throws INVALID_ARGUMENT where a message breaks a rule of the contract. */
  readonly validate: Validate;
  /** What the nodes have to give; as it was when the admission ends. */
  readonly capacity: Capacity;
}

/** Checks a message against the contract's rules; throws INVALID_ARGUMENT for what breaks one. */
export type Validate = (desc: DescMessage, message: Message) => void;

/** A resource that is written in the same transaction, such as the volume of a VM's disk. */
export interface ChildWrite {
  /**
   * `create`: the resource with `id`, `name`, `projectId`, `owner`, `spec` and its first `status`;
   * the rest of the header is filled in. `update`: a changed copy of what `lookup` returned.
   * `delete-request`: what `lookup` returned.
   */
  readonly kind: 'create' | 'update' | 'delete-request';
  readonly type: TypeName;
  readonly resource: AnyResource;
}

/** A key of which only one resource can be the owner, such as an address in a network. */
export interface Claim {
  /** The key; make it with a function of `resource/keys.ts`, such as `ipClaimKey`. */
  readonly key: string;
  /** The id of the resource that has the key, and loses it when it is removed: a port's. */
  readonly ownerId: string;
}

/** What admission decided. */
export interface AdmissionResult<R extends AnyResource = AnyResource> {
  /** `next`, with what was decided in its status. Its spec must be as it was. */
  readonly resource: R;
  /** What is written with it. A child's name that is taken meanwhile makes admission run again. */
  readonly children: readonly ChildWrite[];
  /** Keys to take. One that is taken meanwhile makes admission run again with a newer view. */
  readonly claims: readonly Claim[];
  /** Keys to give back. Keys of a removed resource are given back without this. */
  readonly releases: readonly Claim[];
  /** Room that is kept on nodes, by their ids, for what the resource will make. */
  readonly room?: ReadonlyMap<string, Usage>;
  /** How a change makes a machine grow where it is: refused where its node has no room for that. */
  readonly growth?: Growth | undefined;
  /** What will be taken of the project's quota later, beyond what the transaction takes. */
  readonly later?: Amounts;
  /** For people and for `validate_only`. */
  readonly verdict?: { readonly nodeId?: string; readonly reasons: readonly string[] };
}

/**
 * Decides for one resource type. Throws LimiError (INVALID_ARGUMENT or FAILED_PRECONDITION, with
 * violations) when the intent can't be met by anything that is done later.
 */
export type Admit<R extends AnyResource = AnyResource> = (
  input: AdmissionInput<R>,
) => AdmissionResult<R>;

/**
 * The admission of each type; types without one are stored as they are. Made by `admissionTable`.
 */
export type AdmissionTable = ReadonlyMap<TypeName, Admit>;

/**
 * One row of the table: `admits('vm', admitVm)`. The caller vouches that the message is of that
 * type.
 */
export function admits<R extends AnyResource>(
  type: TypeName,
  admit: Admit<R>,
): readonly [TypeName, Admit] {
  return [type, admit as unknown as Admit];
}

/** The table of the given rows. */
export function admissionTable(...rows: readonly (readonly [TypeName, Admit])[]): AdmissionTable {
  return new Map(rows);
}
