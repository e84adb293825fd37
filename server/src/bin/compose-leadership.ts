/**
 * The part of this process among the servers of its installation, and what it must share with the
 * others: with SQLite it is alone; on etcd it takes part in the election, and must have the
 * installation's certificate authority.
 */
import { performance } from 'node:perf_hooks';
import { Code } from '@connectrpc/connect';
import type { Log } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import { authorityKey } from '../resource/keys.js';
import { decodeText, encodeText } from '../resource/record.js';
import { EtcdStore } from '../store/etcd/etcd.js';
import { EtcdLeadership } from '../store/etcd/leadership.js';
import { type Leadership, soleLeadership } from '../store/leadership.js';
import type { Store } from '../store/store.js';

/** What it works with. */
export interface LeadershipOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  /** Told when this server begins or ends to lead, or another one leads. */
  readonly onChange: () => void;
}

/** The leadership of a store. */
export function createLeadership(options: LeadershipOptions): Leadership {
  const { store, clock, log, newId, onChange } = options;
  if (!(store instanceof EtcdStore)) return soleLeadership(store);
  const leadership: EtcdLeadership = new EtcdLeadership({
    store,
    timers: clock,
    monotonicMs: () => performance.now(),
    id: newId(),
    onChange: () => {
      const { isLeading, leaderUrl } = leadership;
      log.info('the leadership changed', { leads: isLeading, leader: leaderUrl });
      onChange();
    },
    onFailure: (err) => log.warn('the leadership could not be looked after', { err }),
  });
  return leadership;
}

/**
 * Notes the installation's certificate authority in a shared store. Throws CA_MISMATCH where it is
 * another one than this server's: agents and clients trust one.
 */
export async function shareAuthority(store: Store, fingerprint: string): Promise<void> {
  if (!(store instanceof EtcdStore)) return;
  const value = encodeText(fingerprint);
  const result = await store.commit({
    require: [{ kind: 'absent', key: authorityKey }],
    writes: [{ kind: 'put', key: authorityKey, value }],
  });
  if (result.ok) return;
  const known = await store.get(authorityKey);
  if (known !== undefined && decodeText(known.value) === fingerprint) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'CA_MISMATCH',
    message:
      "this server has another certificate authority than its installation; copy the folder ca of another server's data directory into this one's, and start again",
  });
}
