/**
 * The room in storage pools: the sizes of a pool's volumes may sum up to its space, times what it
 * is overcommitted. Pure. A pool that doesn't tell its space yet is not judged.
 */

import { ShortfallKind } from '@limiquantix/proto/resource/v1/resource_pb.js';
import {
  type StoragePool,
  StoragePoolSpecSchema,
} from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { effective } from '../resource/default-values.js';
import type { Lookup } from '../resource/lookup.js';
import type { TypeName } from '../resource/resource.js';
import type { Judged } from './judge.js';
import { type Account, type Amounts, pathOf, poolOf } from './quota.js';

const gib = 1024 ** 3;

/** What a request takes of pools, all of its plan counted. */
export interface PoolQuestion {
  /** What the request is about. */
  readonly type: TypeName;
  /** What it takes, by account. */
  readonly takes: readonly (readonly [Account, Amounts])[];
  /** What is taken of an account, by the request as well. */
  readonly usageOf: (account: Account) => Amounts;
  readonly lookup: Pick<Lookup, 'get'>;
}

/** What pools have not enough of. */
export function poolShortfalls(question: PoolQuestion): Judged['shortfalls'] {
  const { type, takes, usageOf, lookup } = question;
  const sums = new Map<Account, bigint>();
  for (const [account, amounts] of takes) {
    if (poolOf(account) === undefined) continue;
    sums.set(account, (sums.get(account) ?? 0n) + (amounts.get('storage_gib') ?? 0n));
  }
  return [...sums].flatMap(([account, requested]) => {
    const pool = lookup.get<StoragePool>('storage_pool', poolOf(account) ?? '');
    const limit = pool && limitOf(pool);
    const used = usageOf(account).get('storage_gib') ?? 0n;
    if (pool === undefined || limit === undefined || requested <= 0n || used <= limit.gib)
      return [];
    const others = used - requested;
    const available = limit.gib > others ? limit.gib - others : 0n;
    return {
      kind: ShortfallKind.CAPACITY,
      quantity: 'storage_gib',
      requested,
      available,
      path: pathOf(type, 'storage_gib'),
      message:
        `storage pool ${pool.name} has ${available} GiB left of ${limit.words}, and ${requested} GiB are needed; ` +
        'ask for less, remove volumes, or give the pool more space or another overcommit_ratio',
    };
  });
}

/** How much a pool's volumes may sum up to; undefined where its space isn't known. */
function limitOf(pool: StoragePool): { readonly gib: bigint; readonly words: string } | undefined {
  const bytes = Number(pool.status?.capacity?.totalBytes ?? 0n);
  if (bytes === 0) return undefined;
  const ratio = effective(StoragePoolSpecSchema, pool.spec, 'overcommitRatio');
  const limit = BigInt(Math.floor((bytes * ratio) / gib));
  const space = Math.floor(bytes / gib);
  const words = ratio === 1 ? `its ${space} GiB` : `${limit} GiB (${space} GiB times ${ratio})`;
  return { gib: limit, words };
}
