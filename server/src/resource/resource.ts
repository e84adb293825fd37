/**
 * The shape that every resource of the contract has in memory: the common header, `spec` and
 * `status`. Pure types; what differs from type to type is read from descriptors in
 * `type-registry.ts`.
 */
import type { Message } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Condition, Owner } from '@limiquantix/proto/resource/v1/resource_pb.js';

/** A resource type's one name, such as `vm`. */
export type TypeName = string;

/** Names a resource: its type and id. */
export interface ResourceKey {
  readonly type: TypeName;
  readonly id: string;
}

/** The fields that every status message begins with. */
export type AnyStatus = Message & {
  observedGeneration: bigint;
  phase: number;
  conditions: Condition[];
};

/** Any resource of the contract, seen through its header. */
export type AnyResource = Message & {
  id: string;
  name: string;
  projectId: string;
  labels: { [key: string]: string };
  description: string;
  createdAt?: Timestamp | undefined;
  updatedAt?: Timestamp | undefined;
  createdBy: string;
  revision: bigint;
  generation: bigint;
  etag: string;
  deletionRequestedAt?: Timestamp | undefined;
  protected: boolean;
  owner?: Owner | undefined;
  spec?: Message | undefined;
  status?: AnyStatus | undefined;
};
