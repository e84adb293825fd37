/**
 * Verdicts: what a request would come to, beyond whether it is admitted: where, and what there is
 * not enough of. Pure functions of the resource as it would be, all others, and what machines have
 * of the nodes.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { NoticeSchema, ShortfallSchema } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { AdmissionLookup } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { Validate } from './admission.js';
import type { Capacity } from './capacity.js';
import type { Account, Amounts } from './quota.js';

/** What a verdict is made of. */
export interface JudgeInput<R extends AnyResource = AnyResource> {
  /** The resource as it would be stored, admission's decisions included. */
  readonly next: R;
  /** As it is; undefined for a new one. */
  readonly previous: R | undefined;
  /** The other resources, as the rest of a plan would leave them. */
  readonly lookup: AdmissionLookup;
  /** What the nodes have to give, as the rest of a plan would leave it; this one left out. */
  readonly capacity: Capacity;
  /** How many new machines the rest of the plan places. */
  readonly planned: number;
  /** What is taken of an account, as the rest of a plan would leave it. */
  readonly usageOf: (account: Account) => Amounts;
  /** Throws INVALID_ARGUMENT where a message breaks a rule of the contract. */
  readonly validate: Validate;
}

/** What a request would come to. */
export interface Judged {
  /** The node that it would run on; empty for none. */
  readonly nodeId: string;
  /** Why there, or why not on each node. */
  readonly reasons: readonly string[];
  /** What there is not enough of. */
  readonly shortfalls: readonly MessageInitShape<typeof ShortfallSchema>[];
  /** What is worth a word. */
  readonly warnings: readonly MessageInitShape<typeof NoticeSchema>[];
}

/** Judges one resource type. */
export type Judge<R extends AnyResource = AnyResource> = (input: JudgeInput<R>) => Judged;

/** The judges by type; the verdict on other types has nothing to say of places. */
export type JudgeTable = ReadonlyMap<TypeName, Judge>;
