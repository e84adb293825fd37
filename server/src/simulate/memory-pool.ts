/**
 * On simulated hosts every pool is kept in directories in memory, whatever keeps it on real ones:
 * the agents are told of a directory in its place.
 */

import { create } from '@bufbuild/protobuf';
import type { ConnectResponse } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import {
  DirectoryBackendSchema,
  type StoragePool,
  StoragePoolSchema,
  StoragePoolSpecSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { patched } from '../resource/patched.js';

/** The pool as a directory in memory. */
export function inMemory(pool: StoragePool): StoragePool {
  if (pool.spec === undefined || pool.spec.backend.case === 'directory') return pool;
  const value = create(DirectoryBackendSchema, { path: `/simulated/${pool.id}` });
  const backend = { case: 'directory' as const, value };
  return patched(StoragePoolSchema, pool, {
    spec: patched(StoragePoolSpecSchema, pool.spec, { backend }),
  });
}

/** What a control plane sends to a simulated host. */
export async function* withPoolsInMemory(
  messages: AsyncIterable<ConnectResponse>,
): AsyncIterable<ConnectResponse> {
  for await (const response of messages) {
    const { message } = response;
    if (message.case === 'desired') {
      for (const upsert of message.value.upserts) {
        if (upsert.type !== 'storage_pool') continue;
        const pool = inMemory(fromBinary(StoragePoolSchema, upsert.resource));
        upsert.resource = toBinary(StoragePoolSchema, pool);
      }
    }
    yield response;
  }
}
