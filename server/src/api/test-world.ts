/** What the API's tests make again and again, and how they look at refusals. Used by tests only. */
import { create } from '@bufbuild/protobuf';
import { type Code, ConnectError } from '@connectrpc/connect';
import { type Node, NodePhase, NodeStatusSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import {
  PoolCapacitySchema,
  type StoragePool,
  StoragePoolStatusSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { StoragePoolService } from '@limiquantix/proto/storage/v1/storage_pool_service_pb.js';
import { patched } from '../resource/patched.js';
import { freshen } from './api-context.js';
import type { TestInstallation } from './test-installation.js';

/** A node that is ready, with 16 processors; of its memory 512 MiB are reserved. Returns its id. */
export async function makeNode(
  installation: TestInstallation,
  name: string,
  totalMib: bigint,
): Promise<string> {
  const { node } = await installation.client(NodeService).createNode({ node: { name, spec: {} } });
  const id = node?.id ?? '';
  const parts = { phase: NodePhase.READY, cpu: { total: 16 }, memory: { totalMib } };
  await installation.writer.writeStatus<Node>({ type: 'node', id }, () =>
    create(NodeStatusSchema, parts),
  );
  await freshen(installation.context);
  return id;
}

/** A directory pool; it tells its space where one is given. Returns its id. */
export async function makePool(
  installation: TestInstallation,
  name: string,
  space?: { readonly totalBytes: bigint; readonly readyOn?: readonly string[] },
): Promise<string> {
  const { storagePool } = await installation.client(StoragePoolService).createStoragePool({
    storagePool: {
      name,
      spec: { backend: { case: 'directory', value: { path: `/var/lib/${name}` } } },
    },
  });
  const id = storagePool?.id ?? '';
  if (space === undefined) return id;
  const { totalBytes, readyOn = [] } = space;
  const capacity = create(PoolCapacitySchema, { totalBytes });
  const ready = readyOn.map((nodeId) => [nodeId, { ready: true, totalBytes }]);
  const { nodes } = create(StoragePoolStatusSchema, { nodes: Object.fromEntries(ready) });
  await installation.writer.writeStatus<StoragePool>({ type: 'storage_pool', id }, ({ status }) =>
    patched(StoragePoolStatusSchema, status, { capacity, nodes }),
  );
  await freshen(installation.context);
  return id;
}

/** What a call was refused with. */
export interface Refusal {
  readonly code: Code;
  readonly reason: string | undefined;
  readonly message: string;
  readonly fields: readonly string[] | undefined;
  /** The quantities of quotas that are exceeded. */
  readonly quotas: readonly (string | undefined)[] | undefined;
  readonly subject: string | undefined;
}

/** Waits for a call to be refused; one that isn't is refused with its answer's absence. */
export async function refusal(work: Promise<unknown>): Promise<Refusal> {
  const error = ConnectError.from(
    await work.then(
      () => 'was not refused',
      (cause: unknown) => cause,
    ),
  );
  const quotas = error.findDetails(QuotaFailureSchema)[0]?.violations;
  return {
    code: error.code,
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    message: error.rawMessage,
    fields: error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field),
    quotas: quotas?.map(({ description }) => / ([a-z_]+) left,/.exec(description)?.[1]),
    subject: quotas?.[0]?.subject,
  };
}
