/**
 * Commits as etcd's watch tells them: in order, whole, without a gap from a revision on, or
 * COMPACTED. One stream to one member; when it ends, who follows it goes on where it was.
 */
import type { Event, WatchRequest } from '@limiquantix/proto/etcd/rpc_pb.js';
import { Event_EventType as EventType } from '@limiquantix/proto/etcd/rpc_pb.js';
import { compacted } from '../bounds.js';
import type { Commit } from '../change-feed.js';
import type { StoreEvent } from '../store.js';
import type { EtcdClient } from './client.js';
import { isOutOfRange, toLimiError, unavailable } from './errors.js';
import type { Layout } from './layout.js';

/** What to follow. */
export interface ChangesOptions {
  readonly client: EtcdClient;
  readonly layout: Layout;
  /** Commits after this revision. */
  readonly after: bigint;
  readonly signal: AbortSignal;
}

/** Follows commits, several at a time, until the signal aborts. Throws where the stream ends. */
export async function* changesAfter(options: ChangesOptions): AsyncGenerator<readonly Commit[]> {
  const { client, layout, after, signal } = options;
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  let isChecked = false;
  try {
    const responses = client.watch(once(layout.watch(after), either), either);
    for await (const { canceled, compactRevision, cancelReason, events } of responses) {
      if (canceled && compactRevision > 0n) throw compacted(after);
      if (canceled) throw unavailable(cancelReason);
      if (events.length === 0) continue;
      const commits = commitsOf(layout, events, after);
      // What was compacted after the watch began, and before it was read, left out deletions.
      if (!isChecked) await checkReadable(client, layout, after);
      isChecked = true;
      yield commits;
    }
    throw unavailable("etcd's watch ended");
  } catch (cause) {
    if (!signal.aborted) throw toLimiError(cause);
  } finally {
    end.abort();
  }
}

/** Throws COMPACTED where a revision is forgotten, or isn't reached yet. */
export async function checkReadable(
  client: EtcdClient,
  layout: Layout,
  revision: bigint,
): Promise<void> {
  if (revision <= 0n) return;
  try {
    await client.repeat(({ kv }, options) =>
      kv.range({ key: layout.head, revision, keysOnly: true }, options).catch((cause: unknown) => {
        throw isOutOfRange(cause) ? compacted(revision) : cause;
      }),
    );
  } catch (cause) {
    throw toLimiError(cause);
  }
}

/** The one request of a watch; the stream stays open until the signal aborts. */
async function* once(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchRequest> {
  yield request;
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Events by the commits that they are of; a response has whole commits. */
function commitsOf(layout: Layout, events: readonly Event[], after: bigint): readonly Commit[] {
  const commits: { readonly revision: bigint; readonly events: StoreEvent[] }[] = [];
  for (const event of events) {
    const revision = event.kv?.modRevision ?? 0n;
    let commit = commits.at(-1);
    if (commit?.revision !== revision) {
      commit = { revision, events: [] };
      commits.push(commit);
    }
    const one = eventOf(layout, event, after);
    if (one !== undefined) commit.events.push(one);
  }
  return commits;
}

function eventOf(layout: Layout, { type, kv, prevKv }: Event, after: bigint) {
  if (kv === undefined) throw unavailable('a watch event has no key');
  const key = layout.keyAt(kv.key);
  if (key === undefined) return undefined;
  const revision = kv.modRevision;
  const isDeletion = type === EventType.DELETE;
  // etcd leaves the value before out, without a word, where it was compacted meanwhile.
  if (prevKv === undefined && (isDeletion || kv.version > 1n)) throw compacted(after);
  const previous = prevKv?.value;
  const event: StoreEvent = isDeletion
    ? { kind: 'delete', key, revision, previous }
    : { kind: 'put', entry: { key, value: kv.value, revision }, previous };
  return event;
}
